"""What leases and elections promise."""

import asyncio
import contextlib

from control_plane.store.election import Election
from control_plane.store.interface import ABSENT, Store, Write
from tests.support.stores import Backing, take, written

TTL_S = 2.0


async def test_closing_a_lease_deletes_its_keys(store: Store) -> None:
    lease = await store.lease(30)
    start = (await store.list("/a/")).version
    await store.write([Write(f"/a/{number}", b"v", ABSENT, lease.id) for number in range(100)])
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        await take(watch, 100)
        await lease.close()
        changes = await take(watch, 100)
    assert {change.value for change in changes} == {None}
    assert len({change.key for change in changes}) == 100
    assert (await store.list("/a/")).records == ()
    async with asyncio.timeout(1):
        await lease.lost()


async def test_a_lease_is_kept_alive(store: Store) -> None:
    lease = await store.lease(TTL_S)
    await store.write([Write("/a/x", b"v", ABSENT, lease.id)])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TTL_S * 2):
            await lease.lost()
    assert not lease.ended
    assert await store.get("/a/x") is not None


async def test_the_lease_of_a_dead_process_ends(backing: Backing, store: Store) -> None:
    dying = backing.store()
    lease = await dying.lease(TTL_S)
    version = written((await dying.write([Write("/a/x", b"v", ABSENT, lease.id)]))[0])
    await backing.crash(dying)
    assert lease.ended
    async with contextlib.aclosing(store.watch("/a/", version)) as watch:
        assert [change.value for change in await take(watch, 1)] == [None]


async def test_a_write_without_the_lease_frees_the_key(store: Store) -> None:
    lease = await store.lease(30)
    (outcome,) = await store.write([Write("/a/x", b"1", ABSENT, lease.id)])
    await store.write([Write("/a/x", b"2", written(outcome))])
    await lease.close()
    record = await store.get("/a/x")
    assert record is not None
    assert record.value == b"2"


async def test_one_candidate_leads_and_resigns_to_the_next(backing: Backing) -> None:
    elections = [Election(backing.store(), "scheduler", f"replica-{number}") for number in range(3)]
    led: list[str] = []

    async def lead_once(number: int) -> None:
        leadership = await elections[number].campaign()
        led.append(f"replica-{number}")
        assert leadership.held
        assert await elections[number].leader() == f"replica-{number}"
        await leadership.resign()
        assert not leadership.held

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for number in range(3):
            tasks.create_task(lead_once(number), name=f"candidate-{number}")
    assert sorted(led) == ["replica-0", "replica-1", "replica-2"]


async def test_a_dead_leader_is_followed_within_five_seconds(backing: Backing) -> None:
    dying = backing.store()
    first = await Election(dying, "scheduler", "first", TTL_S).campaign()
    second = asyncio.ensure_future(Election(backing.store(), "scheduler", "second", TTL_S).campaign())
    await backing.crash(dying)
    async with asyncio.timeout(1):
        await first.lost()
    async with asyncio.timeout(5):
        leadership = await second
    assert leadership.version > first.version
    await leadership.resign()


async def test_a_leader_whose_key_is_taken_knows(store: Store) -> None:
    leadership = await Election(store, "scheduler", "first").campaign()
    await store.write([Write("/knarr/elections/scheduler", b"usurper", None)])
    async with asyncio.timeout(5):
        await leadership.lost()
    assert not leadership.held
    await leadership.resign()

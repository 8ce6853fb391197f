"""What get, list and write promise."""

import asyncio

import pytest

from control_plane.store.interface import (
    ABSENT,
    MAX_BATCH,
    POSITIONS,
    CompactedError,
    Failed,
    Record,
    Refused,
    Store,
    Write,
    Written,
)
from tests.support.stores import Backing, create, put, written


async def test_what_is_written_is_read(store: Store) -> None:
    version = await put(store, "/a/x", b"\0value\xff")
    assert await store.get("/a/x") == Record("/a/x", b"\0value\xff", version)


async def test_many_reads_at_once_each_find_their_own(store: Store) -> None:
    versions = [await put(store, f"/a/{number:03}", str(number).encode()) for number in range(150)]
    found = await asyncio.gather(*(store.get(f"/a/{number:03}") for number in range(200)))
    assert found == [
        Record(f"/a/{number:03}", str(number).encode(), versions[number]) if number < 150 else None
        for number in range(200)
    ]


async def test_a_read_is_never_older_than_what_was_written_before_it(store: Store) -> None:
    async def write_and_read(key: str) -> None:
        for number in range(20):
            version = await put(store, key, str(number).encode())
            assert await store.get(key) == Record(key, str(number).encode(), version)

    await asyncio.gather(*(write_and_read(f"/a/{number}") for number in range(10)))


async def test_what_is_absent_is_none(store: Store) -> None:
    assert await store.get("/a/x") is None


async def test_an_empty_value_is_a_value(store: Store) -> None:
    version = await put(store, "/a/x", b"")
    assert await store.get("/a/x") == Record("/a/x", b"", version)


async def test_versions_increase_and_name_a_position(store: Store) -> None:
    versions = [await put(store, f"/a/{number % 3}", b"v") for number in range(20)]
    assert versions == sorted(set(versions))
    assert all(version % POSITIONS < MAX_BATCH for version in versions)


async def test_create_refuses_what_exists(store: Store) -> None:
    version = await put(store, "/a/x", b"1", ABSENT)
    assert await store.write([Write("/a/x", b"2", ABSENT)]) == [Refused(Record("/a/x", b"1", version))]


async def test_update_refuses_a_stale_version(store: Store) -> None:
    first = await put(store, "/a/x", b"1", ABSENT)
    second = await put(store, "/a/x", b"2", first)
    assert await store.write([Write("/a/x", b"3", first)]) == [Refused(Record("/a/x", b"2", second))]


async def test_update_refuses_what_is_gone(store: Store) -> None:
    first = await put(store, "/a/x", b"1", ABSENT)
    await store.write([Write("/a/x", None, None)])
    assert await store.write([Write("/a/x", b"2", first)]) == [Refused(None)]


async def test_delete_compares_too(store: Store) -> None:
    first = await put(store, "/a/x", b"1")
    second = await put(store, "/a/x", b"2")
    assert await store.write([Write("/a/x", None, first)]) == [Refused(Record("/a/x", b"2", second))]
    assert written((await store.write([Write("/a/x", None, second)]))[0]) > second
    assert await store.get("/a/x") is None


async def test_deleting_what_is_absent_changes_nothing(store: Store) -> None:
    await put(store, "/a/y", b"1")
    before = (await store.list("/a/")).version
    assert await store.write([Write("/a/x", None, None)]) == [Written(before)]
    assert (await store.list("/a/")).version == before


async def test_one_of_many_concurrent_creators_wins(backing: Backing) -> None:
    stores = [backing.store() for _ in range(4)]
    outcomes = await asyncio.gather(
        *(store.write([Write("/a/x", b"%d" % number, ABSENT)]) for number, store in enumerate(stores * 10))
    )
    winners = [number for number, (outcome,) in enumerate(outcomes) if isinstance(outcome, Written)]
    assert len(winners) == 1
    record = await stores[0].get("/a/x")
    assert record is not None
    assert record.value == b"%d" % winners[0]
    assert all(outcome in (Written(record.version), Refused(record)) for (outcome,) in outcomes)


async def test_concurrent_increments_are_all_counted(backing: Backing) -> None:
    await put(backing.store(), "/a/x", b"0")

    async def increment(store: Store) -> None:
        while True:
            record = await store.get("/a/x")
            assert record is not None
            (outcome,) = await store.write([Write("/a/x", b"%d" % (int(record.value) + 1), record.version)])
            if isinstance(outcome, Written):
                return

    stores = [backing.store() for _ in range(3)]
    await asyncio.gather(*(increment(store) for store in stores * 5))
    record = await stores[0].get("/a/x")
    assert record is not None
    assert record.value == b"15"


async def test_the_writes_of_a_batch_are_independent(store: Store) -> None:
    (first,) = await create(store, "/a/000")
    writes = [Write(f"/a/{number:03}", b"new", ABSENT) for number in range(200)]
    writes.insert(3, Write("/a/missing", b"", first))
    outcomes = list(await store.write(writes))
    assert outcomes[0] == Refused(Record("/a/000", b"/a/000", first))
    assert outcomes[3] == Refused(None)
    others = outcomes[1:3] + outcomes[4:]
    assert len({written(outcome) for outcome in others}) == 199


async def test_writes_of_one_key_are_done_in_order(store: Store) -> None:
    outcomes = await store.write([Write("/a/x", b"%d" % number, None) for number in range(10)])
    versions = [written(outcome) for outcome in outcomes]
    assert versions == sorted(versions)
    assert await store.get("/a/x") == Record("/a/x", b"9", versions[-1])


async def test_a_write_on_an_ended_lease_fails_alone(store: Store) -> None:
    lease = await store.lease(10)
    await lease.close()
    good, bad = Write("/a/x", b"", ABSENT), Write("/a/y", b"", ABSENT, lease.id)
    outcomes = await store.write([good, bad, Write("/a/z", b"", ABSENT)])
    assert [type(outcome) for outcome in outcomes] == [Written, Failed, Written]


async def test_lists_are_sorted_and_by_prefix(store: Store) -> None:
    keys = ["/a/b/z", "/a/b-c/x", "/a/b/a", "/a/é", "/ab/x", "/a0", "/A/x"]
    await create(store, *keys)
    page = await store.list("/a/")
    assert [record.key for record in page.records] == ["/a/b-c/x", "/a/b/a", "/a/b/z", "/a/é"]
    assert (page.more, page.remaining, page.version % POSITIONS) == (False, 0, POSITIONS - 1)
    assert [record.key for record in (await store.list("/a/b/")).records] == ["/a/b/a", "/a/b/z"]


async def test_pages_are_of_one_moment(store: Store) -> None:
    await create(store, *(f"/a/{number:02}" for number in range(10)))
    first = await store.list("/a/", limit=4)
    assert [record.key for record in first.records] == ["/a/00", "/a/01", "/a/02", "/a/03"]
    assert (first.more, first.remaining) == (True, 6)
    await store.write([Write("/a/05", None, None), Write("/a/06", b"new", None), Write("/a/045", b"", None)])
    second = await store.list("/a/", limit=4, after="/a/03", version=first.version)
    third = await store.list("/a/", limit=4, after="/a/07", version=first.version)
    assert [record.key for record in second.records] == ["/a/04", "/a/05", "/a/06", "/a/07"]
    assert second.records[2].value == b"/a/06"
    assert [record.key for record in third.records] == ["/a/08", "/a/09"]
    assert {first.version, second.version, third.version} == {first.version}
    assert (third.more, third.remaining) == (False, 0)


async def test_a_long_list_is_complete(store: Store) -> None:
    keys = [f"/a/{number:05}" for number in range(2500)]
    await create(store, *keys)
    page = await store.list("/a/")
    assert [record.key for record in page.records] == keys


async def test_a_list_of_what_was_compacted_is_refused(store: Store) -> None:
    old = (await store.list("/a/")).version
    for number in range(5):
        await put(store, "/a/x", b"%d" % number)
    kept = (await store.list("/a/")).version
    await put(store, "/a/x", b"last")
    await store.compact(kept)
    with pytest.raises(CompactedError):
        await store.list("/a/", version=old)
    page = await store.list("/a/", version=kept)
    assert [record.value for record in page.records] == [b"4"]


async def test_compacting_again_does_nothing(store: Store) -> None:
    for number in range(5):
        await put(store, "/a/x", b"%d" % number)
    version = (await store.list("/a/")).version
    await store.compact(version)
    await store.compact(version)
    await store.compact(version - 2 * POSITIONS)
    assert (await store.list("/a/", version=version)).records[0].value == b"4"

"""What a write with others in `also` promises: all of them or none, in one revision."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from control_plane.store.interface import (
    ABSENT,
    MAX_TOGETHER,
    POSITIONS,
    Record,
    Refused,
    Store,
    Write,
    Written,
)
from tests.support.etcd import RealEtcd
from tests.support.proxy import proxy_to
from tests.support.stores import Backing, create, put, take, through


def step(*writes: Write) -> Write:
    first, *rest = writes
    return Write(first.key, first.value, first.expected, also=tuple(rest))


def versions(outcome: object) -> list[int]:
    assert isinstance(outcome, Written), outcome
    return [outcome.version, *outcome.also]


async def test_all_are_done_in_one_revision_as_a_watch_sees_them(store: Store) -> None:
    old = await put(store, "/a/old", b"1")
    gone = await put(store, "/a/gone", b"1")
    start = (await store.list("/a/")).version
    (outcome,) = await store.write(
        [step(Write("/a/new", b"2", ABSENT), Write("/a/old", b"2", old), Write("/a/gone", None, gone))]
    )
    made = versions(outcome)
    assert len({version // POSITIONS for version in made}) == 1
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        seen = {change.key: (change.version, change.value) for change in await take(watch, 3)}
    assert seen["/a/new"] == (made[0], b"2")
    assert seen["/a/old"] == (made[1], b"2")
    assert seen["/a/gone"][1] is None
    assert len({version for version, _ in seen.values()}) == 3
    assert await store.get("/a/new") == Record("/a/new", b"2", made[0])


@pytest.mark.parametrize("at_fault", [0, 1])
async def test_none_is_done_when_one_comparison_fails(store: Store, at_fault: int) -> None:
    (version,) = await create(store, "/a/there")
    writes = [Write("/a/new", b"2", ABSENT), Write("/a/there", b"2", version)]
    writes[at_fault] = Write(writes[at_fault].key, b"2", version + POSITIONS)
    (outcome,) = await store.write([step(*writes)])
    assert outcome == Refused(None, (Record("/a/there", b"/a/there", version),))
    assert [record.key for record in (await store.list("/a/")).records] == ["/a/there"]


async def test_of_many_at_once_one_wins_each_round(backing: Backing) -> None:
    stores = [backing.store() for _ in range(3)]
    await put(stores[0], "/count", b"0")

    async def count(store: Store, name: str) -> None:
        record = await store.get("/count")
        while True:
            assert record is not None
            value = str(int(record.value) + 1).encode()
            write = step(Write("/count", value, record.version), Write(f"/made/{name}", b"", ABSENT))
            (outcome,) = await store.write([write])
            if isinstance(outcome, Written):
                return
            assert isinstance(outcome, Refused)
            record = outcome.current

    await asyncio.gather(*(count(stores[number % 3], f"{number:02}") for number in range(24)))
    record = await stores[0].get("/count")
    assert record is not None
    assert record.value == b"24"
    assert len((await stores[0].list("/made/")).records) == 24


async def test_steps_go_beside_other_writes_of_one_call(store: Store) -> None:
    outcomes = await store.write(
        [
            Write("/a/1", b"", ABSENT),
            step(Write("/a/2", b"", ABSENT), Write("/a/3", b"", ABSENT)),
            Write("/a/4", b"", ABSENT),
        ]
    )
    assert all(isinstance(outcome, Written) for outcome in outcomes)
    assert [record.key for record in (await store.list("/a/")).records] == ["/a/1", "/a/2", "/a/3", "/a/4"]


async def test_as_many_as_there_may_be(store: Store) -> None:
    writes = [Write(f"/a/{number:02}", b"v" * 1000, ABSENT) for number in range(MAX_TOGETHER)]
    (outcome,) = await store.write([step(*writes)])
    assert len(set(versions(outcome))) == MAX_TOGETHER


@pytest.mark.parametrize(
    "writes",
    [
        [Write("/a", b"", ABSENT), Write("/a", b"", ABSENT)],
        [Write("/a", b"", ABSENT), Write("/b", b"", None)],
        [Write("/a", None, 2 * POSITIONS), Write("/b", None, 3 * POSITIONS)],
        [Write("/a", b"", ABSENT), Write("/b", None, 3 * POSITIONS - 1)],
        [Write(f"/{number}", b"", ABSENT) for number in range(MAX_TOGETHER + 1)],
    ],
    ids=["one key twice", "no comparison", "one position twice", "unknown position", "too many"],
)
def test_what_cannot_be_one_step(writes: Sequence[Write]) -> None:
    with pytest.raises(ValueError, match="one step"):
        step(*writes)


@pytest.mark.etcd
async def test_a_step_whose_answer_is_lost_is_done_once(etcd: RealEtcd) -> None:
    async with proxy_to(etcd.endpoint) as proxy:
        far, near = through(proxy), etcd.store()
        await far.get("/a/x")
        lost = asyncio.ensure_future(proxy.swallow_answer())
        await asyncio.sleep(0)
        (outcome,) = await far.write([step(Write("/a/x", b"1", ABSENT), Write("/a/y", b"1", ABSENT))])
        await lost
        stored = (await near.list("/a/")).records
        assert versions(outcome) == [record.version for record in stored]
        await far.close()

"""MemoryStore and EtcdStore answer the same, whatever is done; a list plus its watch is a later list."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.store.interface import (
    ABSENT,
    Change,
    Failed,
    Outcome,
    Record,
    Refused,
    Store,
    Write,
    Written,
)
from control_plane.store.memory import MemoryStore
from tests.support.etcd import RealEtcd
from tests.support.stores import put, take

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(180)]

NAMES = ("a", "b", "c", "d/e", "d/f")


@dataclass(frozen=True)
class Put:
    name: str
    value: bytes
    expect: str  # "any", "absent", "current" or "stale"


@dataclass(frozen=True)
class Delete:
    name: str
    expect: str


@dataclass(frozen=True)
class Many:
    writes: tuple[Put | Delete, ...]


@dataclass(frozen=True)
class ListAt:
    back: int  # how many list versions ago
    limit: int


@dataclass(frozen=True)
class Compact:
    back: int


Step = Many | ListAt | Compact

_expect = st.sampled_from(("any", "absent", "current", "stale"))
_write = st.one_of(
    st.builds(Put, st.sampled_from(NAMES), st.binary(max_size=3), _expect),
    st.builds(Delete, st.sampled_from(NAMES), _expect),
)
_step = st.one_of(
    st.builds(Many, st.lists(_write, min_size=1, max_size=8).map(tuple)),
    st.builds(Many, st.lists(_write, min_size=1, max_size=2).map(tuple)),
    st.builds(ListAt, st.integers(0, 4), st.integers(0, 3)),
    st.builds(Compact, st.integers(0, 3)),
)


class Player:
    """Plays steps on one store and tells what it saw, but for versions, which the stores choose apart."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = prefix
        self.told: list[object] = []
        self.moments: list[int] = []  # list versions, after each step
        self.oldest = 0  # compacted up to here: a store may have forgotten what was before
        self.known: dict[str, list[int]] = {name: [] for name in NAMES}

    async def play(self, steps: Sequence[Step]) -> None:
        await self._mark()
        for step in steps:
            match step:
                case Many(writes):
                    # Writes of one call may be done in any order if their keys differ; expectations are
                    # taken from before the call.
                    made = [self._write(one) for one in writes]
                    outcomes = await self.store.write(made)
                    for write, outcome in zip(made, outcomes, strict=True):
                        self._note(write, outcome)
                    await self._mark()
                case ListAt(back, limit):
                    await self._list(self._moment(back), limit)
                case Compact(back):
                    self.oldest = max(self.oldest, self._moment(back))
                    await self.store.compact(self.oldest)

    def _moment(self, back: int) -> int:
        return self.moments[max(0, len(self.moments) - 1 - back)]

    def _write(self, step: Put | Delete) -> Write:
        versions = self.known[step.name]
        expected: int | None
        match step.expect:
            case "any":
                expected = None
            case "absent":
                expected = ABSENT
            case "current":
                expected = versions[-1] if versions else ABSENT
            case _:
                expected = versions[0] if versions else 64
        value = step.value if isinstance(step, Put) else None
        return Write(self.prefix + step.name, value, expected)

    def _note(self, write: Write, outcome: Outcome) -> None:
        match outcome:
            case Written(version):
                self.known[write.key.removeprefix(self.prefix)].append(version)
                self.told.append((write.key, "written"))
            case Refused(current):
                self.told.append((write.key, "refused", current and (current.key, current.value)))
            case Failed(error):
                raise error

    async def _mark(self) -> None:
        page = await self.store.list(self.prefix)
        self.moments.append(page.version)
        self.told.append([(record.key, record.value) for record in page.records])

    async def _list(self, version: int, limit: int) -> None:
        if version < self.oldest:
            return
        page = await self.store.list(self.prefix, limit=limit, version=version)
        self.told.append(([(record.key, record.value) for record in page.records], page.more, page.remaining))

    async def watched(self) -> list[list[Change]]:
        """Changes from each moment that is kept to the end."""
        end = self.prefix + "end"
        await put(self.store, end, b"")
        self.moments = [moment for moment in self.moments if moment >= self.oldest]
        return [await self._watched_from(moment, end) for moment in self.moments]

    async def _watched_from(self, moment: int, end: str) -> list[Change]:
        changes: list[Change] = []
        async with contextlib.aclosing(self.store.watch(self.prefix, moment)) as watch:
            while not changes or changes[-1].key != end:
                changes += await take(watch, 1)
        return changes


def plain(found: list[Change]) -> object:
    """Without versions, and in no order where the store is free to choose one: within a batch."""
    by_key: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
    for change in found:
        by_key.setdefault(change.key, []).append((change.value, change.previous))
    return by_key


def replayed(records: Sequence[Record], changes: Sequence[Change]) -> dict[str, tuple[bytes, int]]:
    """A list and the changes after it: what a later list must have."""
    state = {record.key: (record.value, record.version) for record in records}
    for change in changes:
        before = state.pop(change.key, None)
        assert (before[0] if before else None) == change.previous
        if change.value is not None:
            state[change.key] = (change.value, change.version)
    return state


_run = 0


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(_step, max_size=14))
async def test_the_stores_agree(etcd: RealEtcd, steps: list[Step]) -> None:
    global _run
    _run += 1
    store = etcd.store()
    real, fake = Player(store, f"/run{_run}/"), Player(MemoryStore(), f"/run{_run}/")
    try:
        for player in (real, fake):
            await player.play(steps)
        assert real.told == fake.told
        real_watched, fake_watched = await real.watched(), await fake.watched()
        assert [plain(found) for found in real_watched] == [plain(found) for found in fake_watched]
        for player, watched in ((real, real_watched), (fake, fake_watched)):
            later = {r.key: (r.value, r.version) for r in (await player.store.list(player.prefix)).records}
            for moment, found in zip(player.moments, watched, strict=True):
                page = await player.store.list(player.prefix, version=moment)
                assert replayed(page.records, found) == later
    finally:
        await store.close()
        await fake.store.close()

"""Which player plays which file, on which store, and what is aimed at."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from control_plane.store.interface import Store
from control_plane.store.memory import MemoryStore
from tests.conformance.cases import Case
from tests.conformance.players import apply, defaulting, deletion, patches, scheduling, selectors, validation
from tests.conformance.recording import SUFFIX, Record, read
from tests.conformance.report import Score, score
from tests.conformance.wanted import WANTED
from tests.conformance.world import Server, server
from tests.support.etcd import real_etcd

# Of the API; each file is played on a server of its own.
API_PLAYERS: Final[Mapping[str, Callable[[Server, Iterable[Record]], AsyncIterator[Case]]]] = {
    "validation": validation.play,
    "defaulting": defaulting.play,
    "patches": patches.play,
    "apply": apply.play,
    "deletion": deletion.play,
    "selectors": selectors.play,
}
SCHEDULER_PLAYERS: Final[Mapping[str, Callable[[Iterable[Record]], Iterator[Case]]]] = {
    "kube-scheduler-1.30-decisions": scheduling.play_decisions,
    "kube-scheduler-1.30-newer-fields": scheduling.play_decisions,
    "kube-scheduler-1.30-preemption": scheduling.play_preemption,
    "kube-scheduler-1.20-preemption": scheduling.play_preemption,
}
FILES: Final = tuple(name + SUFFIX for name in (*API_PLAYERS, *SCHEDULER_PLAYERS))
AIMS: Final[Mapping[str, float]] = {
    f"validation{SUFFIX}": 0.97,
    f"defaulting{SUFFIX}": 0.98,
    f"patches{SUFFIX}": 0.98,
    f"apply{SUFFIX}": 0.97,
    f"deletion{SUFFIX}": 0.97,
    f"selectors{SUFFIX}": 1.0,
    **{f"{name}{SUFFIX}": 0.97 for name in SCHEDULER_PLAYERS},
}
# Of the scheduler's files, whose records are compared in several respects.
ASPECT_AIMS: Final[Mapping[str, float]] = {
    "feasible": 0.995,
    "chosen": 0.99,
    "scores": 0.99,
    "reasons": 0.99,
    "preemption": 0.97,
}


@asynccontextmanager
async def _memory() -> AsyncGenerator[Store, None]:
    store = MemoryStore()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _etcd() -> AsyncGenerator[Store, None]:
    async with real_etcd() as etcd:
        yield etcd.store()


STORES: Final[Mapping[str, Callable[[], AbstractAsyncContextManager[Store]]]] = {
    "memory": _memory,
    "etcd": _etcd,
}


async def run(folder: Path, store: str, part: str = "") -> list[Score]:
    """Play the files that a folder has, those with `part` in their names; in a fixed order."""
    return [await play(folder / name, store) for name in FILES if part in name and (folder / name).exists()]


async def play(path: Path, store: str = "memory") -> Score:
    """Play one file."""
    name = path.name.removesuffix(SUFFIX)
    wanted = WANTED.get(name, ())
    if name in SCHEDULER_PLAYERS:
        return score(path.name, SCHEDULER_PLAYERS[name](read(path)), wanted)
    async with STORES[store]() as opened, server(opened) as running:
        cases = [case async for case in API_PLAYERS[name](running, read(path))]
    return score(path.name, cases, wanted)


def broken(score: Score) -> list[str]:
    """What of a file is below its aim though nobody wants it so: its name, or names of aspects."""
    low = [score.file] if score.explained < AIMS.get(score.file, 0.0) else []
    return low + [
        aspect
        for aspect, (agreeing, total) in score.aspects.items()
        if agreeing < ASPECT_AIMS.get(aspect, 0.0) * total
    ]

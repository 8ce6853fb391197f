"""However candidates are cut off from the store, no two of them lead at once, and one leads in the end."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.store.election import Election, Leadership
from control_plane.store.interface import UnavailableError
from control_plane.store.memory import MemoryStore, Operation
from control_plane.store.memory_backend import MemoryBackend
from tests.support.virtual import on_virtual_time

TTL_S = 3.0
CANDIDATES = 3


class Link:
    """One candidate's connection: it can be down, and it is slow."""

    def __init__(self) -> None:
        self.down = False
        self.delay_s = 0.0

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(self.delay_s)
        if self.down:
            raise UnavailableError("cut off")

    def after_write(self, subject: str) -> None:
        return None


class Candidates:
    """Candidates that campaign for ever, and who of them holds a leadership."""

    def __init__(self) -> None:
        backend = MemoryBackend()
        self.links = [Link() for _ in range(CANDIDATES)]
        self.stores = [MemoryStore(backend, link) for link in self.links]
        self._held: dict[int, Leadership] = {}

    @property
    def leaders(self) -> list[int]:
        return [number for number, leadership in self._held.items() if leadership.held]

    async def campaign(self, number: int) -> None:
        election = Election(self.stores[number], "test", f"candidate-{number}", TTL_S, random.Random(number))
        while True:
            self._held[number] = leadership = await election.campaign()
            await leadership.lost()
            await leadership.resign()


_fault = st.tuples(
    st.integers(0, CANDIDATES - 1), st.booleans(), st.sampled_from((0.0, 0.5, 2.0)), st.floats(0.1, 4.0)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_fault, max_size=12))
def test_one_leader_at_most_and_at_last_one(faults: list[tuple[int, bool, float, float]]) -> None:
    async def scenario() -> None:
        candidates = Candidates()
        tasks = [
            asyncio.create_task(candidates.campaign(number), name=f"candidate-{number}")
            for number in range(CANDIDATES)
        ]
        for number, down, delay_s, lasting_s in faults:
            candidates.links[number].down = down
            candidates.links[number].delay_s = delay_s
            await _watched(candidates, lasting_s)
        for link in candidates.links:
            link.down, link.delay_s = False, 0.0
        await _watched(candidates, 2 * TTL_S)
        assert len(candidates.leaders) == 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for store in candidates.stores:
            await store.crash()

    on_virtual_time(scenario())


async def _watched(candidates: Candidates, lasting_s: float) -> None:
    """Let time pass, looking all the while."""
    for _ in range(int(lasting_s / 0.05)):
        await asyncio.sleep(0.05)
        assert len(candidates.leaders) <= 1

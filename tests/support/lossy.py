"""A store in memory of which answers get lost, or that does not write, now and then."""

import asyncio
import random

from control_plane.store.interface import AmbiguousError, UnavailableError
from control_plane.store.memory import Operation


class LostAnswers:
    """Faults of a MemoryStore: while `on`, a write may be done and nobody told of it, or not be done."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.on = False

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(0)
        if self.on and operation is Operation.WRITE and self._random.random() < 0.05:
            raise UnavailableError("not done")

    def after_write(self, subject: str) -> None:
        if self.on and self._random.random() < 0.1:
            raise AmbiguousError("the answer was lost")

"""The loop: take a known input, change it, try it, keep it when it was answered in a new way.

Guided by answers: Knarr decodes, defaults and validates by tables that a few functions walk, so that lines
covered say little, and the field and reason of a refusal say exactly how far an input came. Everything
follows from the seed.
"""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from knarr.clock import SystemClock
from tests.fuzz import corpus
from tests.fuzz.shrinking import shrunk
from tests.fuzz.target import Target, Try
from tests.fuzz.trying import Attempt, attempt

MOST_MEMORY_BYTES = 4 << 30  # of address space; what needs more fails with a MemoryError
POOL = 20_000  # inputs remembered for their answers
LARGEST_REMEMBERED = 16_384  # bytes
INPUTS_A_WORLD = 2_000  # then a new one: stores in memory keep every version


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to go on: so many inputs, or so many seconds, whatever comes first; None for no bound."""

    seed: int
    inputs: int | None
    seconds: float | None


@dataclass(slots=True)
class Report:
    """What a run did."""

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    answers: int = 0
    failures: dict[str, tuple[int, bytes, Attempt]] = field(default_factory=dict)  # by kind; number, input

    def line(self) -> str:
        """One row of the table."""
        rate = self.inputs / self.seconds if self.seconds else 0
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return (
            f"{self.target:<11} {self.inputs:>9,} inputs {self.seconds:>6.0f} s {rate:>7,.0f}/s "
            f"{self.answers:>6,} answers  slowest {self.slowest_s * 1000:>5,.0f} ms {memory:>5} MiB "
            f"{len(self.failures):>3} failures  seed {self.seed}"
        )


def fuzz(
    target: Target, plan: Plan, say: Callable[[str], None] = print, folder: Path = corpus.FOLDER
) -> Report:
    """Run one target. Failures are said, and kept in the corpus in `folder`."""
    with asyncio.Runner() as runner:
        return runner.run(_Run(target, plan, say, folder).run())


def limit_memory() -> None:
    """From now on an input that needs too much fails with a MemoryError; of the whole process, for good."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))


class _Run:
    def __init__(self, target: Target, plan: Plan, say: Callable[[str], None], folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._plan = plan
        self._say = say
        self._rng = Random(plan.seed)
        self._clock = SystemClock()
        self._report = Report(target.name, plan.seed)
        self._known: set[str] = set()
        kept = [corpus.read(file) for file in corpus.names(target.name, folder)]
        self._pool = [*target.seeds(), *kept]
        self._first = list(self._pool)

    async def run(self) -> Report:
        start = self._clock.monotonic()
        over = False
        while not over:
            async with self._target.opened() as run:
                for _ in range(INPUTS_A_WORLD):
                    await self._one(run)
                    self._report.seconds = self._clock.monotonic() - start
                    over = self._is_over()
                    if over:
                        break
        self._report.answers = len(self._known)
        return self._report

    def _is_over(self) -> bool:
        plan, report = self._plan, self._report
        return (plan.inputs is not None and report.inputs >= plan.inputs) or (
            plan.seconds is not None and report.seconds >= plan.seconds
        )

    async def _one(self, run: Try) -> None:
        number = self._report.inputs
        data = self._first[number] if number < len(self._first) else self._made()
        done = await attempt(run, data)
        self._report.inputs += 1
        self._report.slowest_s = max(self._report.slowest_s, done.seconds)
        if done.failure:
            await self._failed(run, number, data, done)
        elif done.answer not in self._known:
            self._remember(data, done.answer)

    def _made(self) -> bytes:
        rng = self._rng
        return self._target.mutated(rng.choice(self._pool), rng.choice(self._pool), rng)

    def _remember(self, data: bytes, answer: str) -> None:
        self._known.add(answer)
        if len(data) > LARGEST_REMEMBERED:
            return
        if len(self._pool) < POOL:
            self._pool.append(data)
        else:
            self._pool[self._rng.randrange(POOL)] = data

    async def _failed(self, run: Try, number: int, data: bytes, done: Attempt) -> None:
        if done.kind in self._report.failures:
            return
        small = await shrunk(run, data, done.kind)
        self._report.failures[done.kind] = (number, small, done)
        file = corpus.keep(self._target.name, small, self._folder)
        shown = repr(small[:400]) + ("…" if len(small) > 400 else "")
        self._say(
            f"FAILED {self._target.name} seed {self._plan.seed} input {number}: {done.kind}\n"
            f"{done.failure[-3000:]}\ninput ({len(small)} bytes, {file or 'too large to keep'}): {shown}\n"
        )


def fresh_seed() -> int:
    """A seed that nobody chose."""
    return int(SystemClock().now())

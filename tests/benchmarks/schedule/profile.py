"""Where the time goes while pods are created and bound: the process is sampled, each sample told to a part.

A sample is the Python stack at a tick of the process's own CPU time (ITIMER_PROF), so waiting does not count.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from tests.benchmarks.schedule import objects
from tests.benchmarks.schedule.stack import running_stack
from tests.support.bench import Report

TICK_S = 0.001
DEADLINE_S = 180.0
# A sample belongs to the first part one of whose functions is on its stack.
PARTS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("store: batches, calls, answers", ("BatchWriter._run",)),
    ("store: a write is queued and waited for", ("BatchWriter.write",)),
    ("cache: watch, parse, index", ("Feed._follow",)),
    ("scheduler: changes taken in", ("Intake.take_in", "Intake.collect")),
    ("scheduler: decisions", ("Scheduler._decide_some",)),
    ("scheduler: bindings", ("Binder._fly",)),
    ("create: checks and rules", ("validate_create", "supported", "check_causes")),
    ("create: defaults", ("default_object",)),
    ("create: admission", ("Admission.fill_new", "Admission.check_new")),
    ("create: the rest", ("Creator.create_all",)),
    ("the benchmark itself", ("Stack.create_all", "Stack._seen")),
)
REST = "all else: event loop, other tasks"


class Samples:
    """Counts ticks by part."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()

    def take(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: look who is at work."""
        names: set[str] = set()
        while frame is not None:
            names.add(frame.f_code.co_qualname)
            frame = frame.f_back
        self.parts[next((part for part, functions in PARTS if names.intersection(functions)), REST)] += 1


@contextmanager
def sampling() -> Iterator[Samples]:
    """Sample this process, and what it takes of its CPU."""
    samples = Samples()
    before = signal.signal(signal.SIGPROF, samples.take)
    signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


async def run(report: Report, nodes: int, pods: int) -> None:
    """Basic pods, created until bound: each part's share of the process's CPU."""
    async with running_stack(nodes) as stack:
        stack.expect(pods)
        with sampling() as samples:
            await stack.create_all(objects.basic_pod, range(pods))
            await stack.all_bound(DEADLINE_S)
    total = samples.parts.total()
    for part, ticks in samples.parts.most_common():
        name = f"schedule.profile.{nodes}n.percent"
        report(name, 100 * ticks / total, "%", part=part, nodes=nodes, pods=pods, samples=total)

"""What processes take: CPU time and memory, as the kernel counts them."""

import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process."""

    cpu_s: float
    rss_bytes: int


def usage(pid: int) -> Usage:
    """CPU time so far, and resident memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def forget_peak(pid: int) -> None:
    """Begin to count the most memory of a process anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """The most resident memory of a process since it was forgotten."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel does not count the memory of process {pid}")


@dataclass(slots=True)
class Spent:
    """What something took: seconds, and of CPU time those of each process."""

    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)

    def cpu_us(self, count: int) -> dict[str, float]:
        """Microseconds of CPU for each of `count` things, as parameters of a figure."""
        return {f"{name}_cpu_us": round(taken / count * 1e6, 1) for name, taken in self.cpu_s.items()}


@contextmanager
def spent(pids: dict[str, int]) -> Iterator[Spent]:
    """Measures what happens within, in the processes named."""
    result = Spent()
    before = {name: usage(pid).cpu_s for name, pid in pids.items()}
    began = time.perf_counter()
    yield result
    result.wall_s = time.perf_counter() - began
    result.cpu_s = {name: usage(pid).cpu_s - before[name] for name, pid in pids.items()}


Work = Callable[[], Awaitable[object]]


async def in_turn(work: Sequence[Work]) -> None:
    """One thing after another."""
    for each in work:
        await each()


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

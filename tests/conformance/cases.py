"""One recorded request, and how our answer to it differs."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.recording import Record


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which an answer differs."""

    aspect: str  # "code", "reason", "message", "cause", "object", "owner", "events", ...
    path: str  # of the field that it is about; "" for the answer as a whole
    ours: Any
    recorded: Any

    def __str__(self) -> str:
        where = f"{self.aspect} {self.path}".strip()
        return f"{where}: wanted {_short(self.recorded)}, got {_short(self.ours)}"


@dataclass(slots=True)
class Case:
    """One unit of the count: a request or, where only the whole tells, a sequence of them."""

    id: str
    request: str  # in short
    record: Record
    step: Record = field(default_factory=dict)  # of a sequence; empty for a record that is one request
    differences: list[Difference] = field(default_factory=list)
    # Agreement in each of several respects, where a file is counted in them too.
    aspects: dict[str, bool] = field(default_factory=dict)

    @property
    def caveat(self) -> str:
        """The recording's own remark."""
        remarks = (self.record.get("caveat"), self.step.get("caveat"))
        return "; ".join(remark for remark in remarks if remark)


# Whether a wanted difference explains one of a case.
Explains = Callable[[Case, Difference], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A difference that is as it should be."""

    reason: str
    # Where the recording says so: words of its README, or "caveat". Empty: it does not, and the difference
    # counts as a disagreement.
    covered_by: str
    explains: Explains


async def judged(case: Case, work: Awaitable[Iterable[Difference]]) -> Case:
    """The case with the differences that playing it finds. What cannot be played differs: neither a bug of
    ours nor an odd record may end the run."""
    try:
        case.differences = list(await work)
    except Exception as error:
        case.differences = [failure(error)]
    return case


def failure(error: Exception) -> Difference:
    """What is told of a case that could not be played."""
    return Difference("failure", "", f"{type(error).__name__}: {error}", "an answer")


def differing(aspect: str, ours: Any, recorded: Any, path: str = "") -> Iterator[Difference]:
    """The difference of two plain values, if there is one."""
    if ours != recorded:
        yield Difference(aspect, path, ours, recorded)


def differing_sets(aspect: str, ours: set[Any], recorded: set[Any]) -> Iterator[Difference]:
    """One difference for each element that only one of two sets of (path, value) has."""
    for path, value in sorted(recorded - ours, key=str):
        yield Difference(aspect, path, None, value)
    for path, value in sorted(ours - recorded, key=str):
        yield Difference(aspect, path, value, None)


def _short(value: Any, most: int = 160) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"

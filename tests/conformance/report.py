"""What became of the cases of one file: counts, every disagreement, and its row of build/conformance.json."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.cases import Case, Difference, Wanted


@dataclass(slots=True)
class Score:
    """The count of one file."""

    file: str
    agreeing: int = 0
    total: int = 0
    covered: int = 0  # of those that agree: differ as the recording says newer servers do
    deliberate: int = 0  # of those that disagree: differ on purpose
    aspects: dict[str, tuple[int, int]] = field(default_factory=dict)  # (agreeing, total)
    lines: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        return self.agreeing / self.total if self.total else 1.0

    @property
    def explained(self) -> float:
        """The share of cases that agree or differ on purpose."""
        return (self.agreeing + self.deliberate) / self.total if self.total else 1.0

    def row(self) -> dict[str, Any]:
        """The file's row in build/conformance.json."""
        row: dict[str, Any] = {"file": self.file, "agreeing": self.agreeing, "total": self.total}
        if self.aspects:
            row["aspects"] = {
                name: {"agreeing": agreeing, "total": total}
                for name, (agreeing, total) in sorted(self.aspects.items())
            }
        return row


def score(file: str, cases: Iterable[Case], wanted: Sequence[Wanted]) -> Score:
    """Count the cases of a file. A case whose every difference the recording itself covers agrees."""
    result = Score(file)
    for case in cases:
        result.total += 1
        for name, agrees in case.aspects.items():
            agreeing, total = result.aspects.get(name, (0, 0))
            result.aspects[name] = (agreeing + agrees, total + 1)
        explained = [_explained(case, difference, wanted) for difference in case.differences]
        verdict = _verdict(explained)
        result.agreeing += verdict in ("agrees", "covered")
        result.covered += verdict == "covered"
        result.deliberate += verdict == "deliberate"
        if case.differences:
            result.lines += _lines(case, verdict, explained)
            reasons = {found.reason for _, found in explained if found is not None}
            result.reasons.update(f"{verdict}: {reason}" for reason in reasons)
    return result


Explained = tuple[Difference, Wanted | None]


def _explained(case: Case, difference: Difference, wanted: Sequence[Wanted]) -> Explained:
    return difference, next((each for each in wanted if each.explains(case, difference)), None)


def _verdict(explained: Sequence[Explained]) -> str:
    if not explained:
        return "agrees"
    if all(found is not None and found.covered_by for _, found in explained):
        return "covered"
    return "deliberate" if all(found is not None for _, found in explained) else "different"


def _lines(case: Case, verdict: str, explained: Sequence[Explained]) -> Iterator[str]:
    yield f"{verdict:10} {case.id} {case.request}"
    for difference, found in explained:
        why = "" if found is None else f"  [{found.reason}]"
        yield f"           {difference}{why}"


def table(scores: Sequence[Score], aims: Mapping[str, float]) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{'file':44} {'agreeing':>8} / {'all':5} {'share':>8}  aim"
    for each in scores:
        aim = aims.get(each.file, 0.0)
        low = "" if each.share >= aim else "  BELOW"
        covered = f"  ({each.covered} of them as newer servers do)" if each.covered else ""
        deliberate = f"  ({each.deliberate} of the rest on purpose)" if each.deliberate else ""
        yield (
            f"{each.file:44} {each.agreeing:8} / {each.total:<5} {each.share:8.2%}  {aim:.1%}{low}"
            f"{covered}{deliberate}"
        )
        for name, (agreeing, total) in sorted(each.aspects.items()):
            yield f"    {name:40} {agreeing:8} / {total:<5} {agreeing / total:8.2%}"


def write_json(path: Path, scores: Sequence[Score]) -> None:
    """The figures for programs: one row a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([each.row() for each in scores], indent=1) + "\n", encoding="utf-8")

"""What a benchmark reports to."""

from typing import Protocol


class Report(Protocol):
    """Takes one figure: a dotted name that never changes, its value and unit, and what was measured."""

    def __call__(self, name: str, value: float, unit: str, **params: object) -> None: ...

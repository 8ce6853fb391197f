"""What a benchmark reports to."""

from typing import Protocol


class Report(Protocol):
    """Takes one figure: a dotted name that never changes, a value, its unit, and what it was measured with."""

    def __call__(self, name: str, value: float, unit: str, **params: object) -> None: ...

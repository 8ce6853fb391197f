"""Selectors in a compiled, hashable form. Pure; matches one set of labels (labels of nodes: nodes.py).

Semantics: kubernetes.io/docs/concepts/overview/working-with-objects/labels. A missing selector (None) matches
nothing, an empty one everything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from knarr.proto.kubernetes import meta_v1_pb2 as meta

# A number that can be a label's value: labels begin with a letter or digit, so never with a sign.
_NUMBER = re.compile(r"[0-9]+", re.ASCII)
_MAX_INT64 = 2**63 - 1


def number(text: str) -> int | None:
    """The whole number that a label value or a Gt/Lt operand says, or None ("-1", "x1", "3.5", "")."""
    if _NUMBER.fullmatch(text) is None or len(text) > 63:
        return None
    value = int(text)
    return value if value <= _MAX_INT64 else None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of matchExpressions; `operator` is Kubernetes' word (In, NotIn, Exists, DoesNotExist, Gt,
    Lt)."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, value: str | None) -> bool:
        """Whether a label with this value (None: no such label) satisfies it."""
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return value is not None and self._compares(value)
        return False

    def __str__(self) -> str:
        """As `knarr get -l` takes it, and "key > 5"."""
        joined = ", ".join(self.values)
        match self.operator:
            case "In":
                return f"{self.key}={joined}" if len(self.values) == 1 else f"{self.key} in ({joined})"
            case "NotIn":
                return f"{self.key}!={joined}" if len(self.values) == 1 else f"{self.key} notin ({joined})"
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
        return f"{self.key} {'>' if self.operator == 'Gt' else '<'} {joined}"

    def _compares(self, value: str) -> bool:
        if len(self.values) != 1:
            return False
        left, right = number(value), number(self.values[0])
        if left is None or right is None:
            return False
        return left > right if self.operator == "Gt" else left < right


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all requirements must hold."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels.get(requirement.key)) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements)) or "anything"

    def narrowed(self, more: tuple[Requirement, ...]) -> "Selector":
        """This selector and `more`."""
        return Selector(self.requirements + more) if more else self


def compile_selector(message: meta.LabelSelector) -> Selector:
    """The compiled form of a selector that is present."""
    requirements = [Requirement(key, "In", (value,)) for key, value in sorted(message.matchLabels.items())]
    requirements += [
        Requirement(row.key, row.operator, tuple(row.values)) for row in message.matchExpressions
    ]
    return Selector(tuple(requirements))

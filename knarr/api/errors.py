"""What can be wrong with text, bytes and values that people and clients hand in.

    FormatError                 the input cannot be understood as what it should be
    ├── DecodeError             values that do not fit a message; carries every Problem of the document
    ├── EnvelopeError           protobuf bytes without a readable Kubernetes envelope
    ├── ManifestError           YAML or JSON text that cannot be read; carries file, line and column
    │   └── NotYaml             the YAML parser itself refused the text
    ├── QuantityError           not a quantity
    └── SelectorError           not a label or field selector

These know nothing of requests: the API server turns them into knarr.errors.ApiError (400 or 422).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SHOWN_VALUE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value of a document."""

    path: str  # as Kubernetes prints it: spec.containers[0].ports[1].hostPort, metadata.labels[app]
    value: Any  # as it was given
    reason: str  # a sentence without the path
    suggestion: str = ""  # what to write instead; empty when there is nothing to suggest
    unknown: bool = False  # the path names no field

    def __str__(self) -> str:
        text = f"{self.path}: {self.reason}" if self.path else self.reason
        return f"{text}; {self.suggestion}" if self.suggestion else text


class FormatError(ValueError):
    """The input cannot be understood as what it should be."""


class DecodeError(FormatError):
    """Values that do not fit a message. `problems` holds all of the document's, unknown fields included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class EnvelopeError(FormatError):
    """Protobuf bytes without a readable Kubernetes envelope."""


class ManifestError(FormatError):
    """Text that cannot be read as YAML or JSON. Lines and columns count from 1."""

    def __init__(self, reason: str, file: str, line: int, column: int = 0) -> None:
        place = f"{file}:{line}:{column}" if column else f"{file}:{line}"
        super().__init__(f"{place}: {reason}")
        self.reason, self.file, self.line, self.column = reason, file, line, column


class NotYaml(ManifestError):
    """The YAML parser itself refused the text."""


class QuantityError(FormatError):
    """Not a quantity."""


class SelectorError(FormatError):
    """Not a selector."""


def show(value: Any) -> str:
    """A value as it may stand in a message: short, on one line, strings in double quotes."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            text = '"' + value.encode("utf-8", "backslashreplace").decode() + '"'
            text = text.replace("\n", "\\n")
        case dict():
            return "an object"
        case list():
            return "a list"
        case int() if abs(value) >= 10**_SHOWN_VALUE_LENGTH:
            return "a huge number"
        case _:
            text = str(value)
    return text if len(text) <= _SHOWN_VALUE_LENGTH else text[: _SHOWN_VALUE_LENGTH - 2] + '…"'

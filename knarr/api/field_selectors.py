"""Field selectors: `metadata.name=web,status.phase!=Running`.

The text form and its errors are Kubernetes' (k8s.io/apimachinery, pkg/fields). Which fields a kind can be
selected by is the API server's table.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from knarr.api.errors import SelectorError
from knarr.api.selectors import MAX_LENGTH


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """The field at a path must be the value, or must not be."""

    path: str
    value: str
    equal: bool

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.path}{'=' if self.equal else '!='}{escaped}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must hold; without any, everything is selected."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, value_of: Callable[[str], str]) -> bool:
        """`value_of` gives the text of the field at a path, "" for none."""
        return all((value_of(each.path) == each.value) is each.equal for each in self.requirements)

    def check(self, supported: Collection[str]) -> None:
        """Raises SelectorError for a path that is not in `supported`."""
        for each in self.requirements:
            if each.path not in supported:
                raise SelectorError(f"field label not supported: {each.path}")

    def exact(self, path: str) -> str | None:
        """The one value that a field must have, or None when it may have several."""
        return next((each.value for each in self.requirements if each.equal and each.path == path), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = FieldSelector()


def parse(text: str) -> FieldSelector:
    """The selector that a text says; raises SelectorError."""
    if len(text) > MAX_LENGTH:
        raise SelectorError(f"a selector must be no more than {MAX_LENGTH} characters, got {len(text)}")
    found = []
    for term in _terms(text):
        for at in range(len(term)):
            sign = next((sign for sign in ("!=", "==", "=") if term.startswith(sign, at)), None)
            if sign is not None:
                value = _unescape(term[at + len(sign) :])
                found.append(FieldRequirement(term[:at], value, sign != "!="))
                break
        else:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
    return FieldSelector(tuple(found))


def _terms(text: str) -> Iterator[str]:
    """The parts between commas that no backslash stands before; empty parts are left out."""
    start, escaped = 0, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            if at > start:
                yield text[start:at]
            start = at + 1
    if len(text) > start:
        yield text[start:]


def _unescape(value: str) -> str:
    chars = []
    escaped = False
    for char in value:
        if escaped:
            if char not in "\\,=":
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{char}")
            chars.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            chars.append(char)
    if escaped:
        raise SelectorError("invalid field selector: invalid escape sequence: \\")
    return "".join(chars)

"""YAML text to plain values, with scalars as kubectl reads them.

libyaml splits the text into events; what they mean is decided here, because no stock loader does it as
kubectl's (sigs.k8s.io/yaml over go-yaml v2): 0644 is octal, yes and on are booleans, 12:30 and dates are
strings, 1.0 is the number 1, keys become strings. Duplicate keys, aliases that multiply, deep nesting and
large documents are refused with their line.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from knarr.api.errors import ManifestError, NotYaml, show

MAX_DOCUMENT_CHARS: Final = 3 * 1024 * 1024  # twice what a store takes; Kubernetes' request limit
MAX_DEPTH: Final = 100
MAX_VALUES: Final = 250_000  # per document: more do not fit into an object; a second's reading
MAX_ALIASED_VALUES: Final = 100_000  # per document, counted as often as aliases repeat them

_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_INT: Final = re.compile(
    r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_INT_BASES: Final = (16, 2, 8, 10)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_A_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTS: Final = range(-(2**63), 2**64)
_EXACT_FLOATS: Final = 1e21  # from here on Go writes floats with an exponent
_NUMBER_STARTS: Final = frozenset("+-.0123456789")


_TAGGED: Final[dict[str, type | tuple[type, ...]]] = {
    "null": type(None),
    "bool": bool,
    "int": int,
    "float": (int, float),
}


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document of a stream: its value and the line it starts on, counted from 1."""

    value: Any
    line: int


class _Bad(Exception):
    """A text that cannot be read, with its mark."""

    def __init__(self, reason: str, mark: Any) -> None:
        super().__init__(reason)
        self.reason, self.mark = reason, mark


def read_documents(text: str, file: str) -> Iterator[YamlDocument]:
    """The documents of a YAML stream, empty ones included. Raises ManifestError."""
    try:
        loader: Any = yaml.CSafeLoader(text)
        try:
            loader.get_event()  # the start of the stream
            while isinstance(loader.get_event(), yaml.DocumentStartEvent):
                first = loader.peek_event()
                composer = _Composer(loader, first.start_mark.index)
                yield YamlDocument(composer.document(), first.start_mark.line + 1)
        finally:
            loader.dispose()
    except _Bad as error:
        raise ManifestError(error.reason, file, error.mark.line + 1, error.mark.column + 1) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        context = f" {error.context}" if error.context else ""
        raise NotYaml(f"not YAML:{context} {error.problem}", file, line, column) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        reason = f"not YAML: character {error.character!r} is not allowed"
        raise NotYaml(reason, file, line, column) from error


def is_plain_text(text: str) -> bool:
    """Whether a scalar without quotes means this text itself."""
    return text not in _WORDS and text[0] not in _NUMBER_STARTS


class _Composer:
    """Builds the value of one document from its events."""

    def __init__(self, loader: Any, start: int) -> None:
        self._loader = loader
        self._start = start
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # value and its size; None while it is built
        self._values = 0
        self._aliased = 0

    def document(self) -> Any:
        value = self._value(self._loader.get_event(), MAX_DEPTH)
        self._loader.get_event()  # the end of the document
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if event.end_mark.index - self._start > MAX_DOCUMENT_CHARS:
            raise _Bad(f"the document is longer than {MAX_DOCUMENT_CHARS // 2**20} MiB", event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth == 0:
            raise _Bad(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        before = self._values
        self._values += 1
        if self._values > MAX_VALUES:
            raise _Bad(f"the document has more than {MAX_VALUES} values", event.start_mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth)
        else:
            value = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _Bad(f"the alias *{event.anchor} has no anchor before it", event.start_mark)
        known = self._anchors[event.anchor]
        if known is None:
            raise _Bad(f"the alias *{event.anchor} stands inside its own anchor", event.start_mark)
        value, size = known
        self._aliased += size
        self._values += size
        if self._aliased > MAX_ALIASED_VALUES:
            raise _Bad(f"aliases repeat more than {MAX_ALIASED_VALUES} values", event.start_mark)
        return _copied(value)

    def _sequence(self, start: Any, depth: int) -> list[Any]:
        _check_tag(start, "seq")
        items: list[Any] = []
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth - 1))
        return items

    def _mapping(self, start: Any, depth: int) -> dict[str, Any]:
        _check_tag(start, "map")
        entries: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            if _is_merge(event):
                source = self._loader.peek_event()
                merged.extend(_merge_sources(self._value(self._loader.get_event(), depth - 1), source))
                continue
            key = _key(self._value(event, depth - 1), event)
            if key in lines:
                raise _Bad(f"the key {show(key)} stands on line {lines[key]} already", event.start_mark)
            lines[key] = event.start_mark.line + 1
            entries[key] = self._value(self._loader.get_event(), depth - 1)
        for source in merged:
            for key, value in source.items():
                entries.setdefault(key, value)
        return entries


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _is_merge(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]


def _merge_sources(value: Any, event: Any) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise _Bad("<< takes a mapping or a list of mappings", event.start_mark)
    return sources


def _check_tag(event: Any, name: str) -> None:
    if event.tag not in (None, "!", _TAG + name):
        raise _Bad(f"the tag {event.tag} is not supported", event.start_mark)


def _key(value: Any, event: Any) -> str:
    """A key as kubectl turns it into JSON's: numbers and booleans become their text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return show(value)
    raise _Bad(f"a key must be text or a number, not {show(value)}", event.start_mark)


def _scalar(event: Any) -> Any:
    tag = event.tag
    if tag is None or tag == "!":
        return _resolved(event.value, event) if event.implicit[0] and tag is None else event.value
    name = tag.removeprefix(_TAG)
    if name in ("str", "timestamp"):
        return event.value
    if name == "binary":
        try:
            return b64decode(event.value, validate=False).decode()
        except (Base64Error, ValueError) as error:
            raise _Bad(f"!!binary is not base64 of UTF-8 text: {error}", event.start_mark) from error
    value = _resolved(event.value, event)
    wanted = _TAGGED.get(name)
    if wanted is None:
        raise _Bad(f"the tag {tag} is not supported", event.start_mark)
    if not isinstance(value, wanted) or (isinstance(value, bool) and name != "bool"):
        raise _Bad(f"{show(event.value)} is no {name}", event.start_mark)
    return value


def _resolved(text: str, event: Any) -> Any:
    """What a plain scalar means. Source: go-yaml v2, resolve.go."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _NOT_A_NUMBER.fullmatch(text):
        raise _Bad(f"{text} has no meaning in JSON; put it in quotes if text is meant", event.start_mark)
    plain = text if text[0] == "." else text.replace("_", "")
    found = _INT.fullmatch(plain) if len(plain) <= 70 else None
    if found is not None:
        digits, base = next((d, b) for d, b in zip(found.groups()[1:], _INT_BASES, strict=True) if d)
        number = -int(digits, base) if found[1] == "-" else int(digits, base)
        if number in _INTS:
            return number
    if _FLOAT.fullmatch(plain):
        value = float(plain)
        if value in (float("inf"), float("-inf")):
            return text
        # Go writes 1.0 as 1 when it turns YAML into JSON.
        return int(value) if value.is_integer() and abs(value) < _EXACT_FLOATS else value
    return text

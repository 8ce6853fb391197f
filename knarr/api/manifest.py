"""Files of manifests to documents: several in one file, List objects opened, each with its place in the file.

A document knows where its values stand, so that a problem found later, by the codec or by the server, can be
reported as file:line:column. That is looked up when asked for: reading a good file costs nothing for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf.message import Message

from knarr.api import codec
from knarr.api.errors import DecodeError, ManifestError, NotYaml, Problem, show
from knarr.api.json_text import parse_json
from knarr.api.yaml_values import MAX_DOCUMENT_CHARS, read_documents

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
_MAX_LISTS: Final = 5  # lists within lists
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a manifest, as plain values, and where it stands."""

    value: dict[str, Any]
    file: str
    _line: int  # on which its YAML document starts
    _text: str
    _index: int  # of the YAML document in the text
    _prefix: str = ""  # of its paths in that document: items[3] in a List

    @property
    def line(self) -> int:
        """The line that the object starts on, from 1."""
        return self.position("")[0] if self._prefix else self._line

    def position(self, path: str) -> tuple[int, int]:
        """(line, column) of the value at a path, or of the nearest thing around it that is there."""
        node = self._node(path)
        return (node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else (self._line, 1)

    def describe(self, problem: Problem) -> str:
        """file:line:column: path: what is wrong."""
        line, column = self.position(problem.path)
        text = str(problem)
        node = self._node(problem.path)
        if problem.suggestion.endswith("quotes") and isinstance(node, yaml.ScalarNode):
            # The value may have been written otherwise: yes for true, 0644 for 420.
            text = f'{text}: "{node.value}"' if problem.suggestion.startswith("put") else text
        return f"{self.file}:{line}:{column}: {text}"

    def decode(self) -> codec.Decoded[Message]:
        """The object. Raises DecodeError, whose problems `describe` places."""
        return codec.object_from_dict(self.value)

    def _node(self, path: str) -> yaml.Node | None:
        roots = _roots(self._text)
        root = roots[self._index] if self._index < len(roots) else None
        return _descend(root, f"{self._prefix}.{path}" if self._prefix else path)


@lru_cache(maxsize=2)
def _roots(text: str) -> tuple[yaml.Node | None, ...]:
    try:
        return tuple(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return ()  # JSON that is no YAML


def _descend(node: yaml.Node | None, path: str) -> yaml.Node | None:
    for step in _STEP.finditer(path):
        name = step[1] if step[1] is not None else step[2]
        inner = _child(node, name)
        if inner is None:
            break
        node = inner
    return node


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        items: list[yaml.Node] = node.value
        return items[int(name)] if name.isdecimal() and int(name) < len(items) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name:
            found: yaml.Node = value
            return found
    for key, value in node.value:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in sources if key.value == "<<" else ():
            merged = _child(source, name)
            if merged is not None:
                return merged
    return None


def read_file(path: Path) -> list[Document]:
    """The documents of a file. Raises ManifestError, and OSError when the file cannot be read."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ManifestError(f"larger than {MAX_FILE_BYTES // 2**20} MiB", str(path), 1)
    return read_bytes(path.read_bytes(), str(path))


def read_bytes(data: bytes, file: str) -> list[Document]:
    """The documents of a file's content. `file` is the name that errors give it. Raises ManifestError."""
    try:
        return read_text(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ManifestError("not UTF-8", file, line, column) from error


def read_text(text: str, file: str = "<text>") -> list[Document]:
    """The documents of a YAML or JSON text, in order, empty ones left out. Raises ManifestError."""
    try:
        return list(_documents(text, file))
    except NotYaml:
        # JSON is almost YAML: surrogate pairs and very long keys are JSON that libyaml cannot read.
        documents = _json_document(text, file) if text.lstrip()[:1] in ("{", "[") else None
        if documents is None:
            raise
        return documents


def _documents(text: str, file: str) -> Iterator[Document]:
    for index, found in enumerate(read_documents(text, file)):
        if found.value is not None:
            yield from _opened(found.value, Document({}, file, found.line, text, index), _MAX_LISTS)


def _json_document(text: str, file: str) -> list[Document] | None:
    try:
        if len(text) > MAX_DOCUMENT_CHARS:
            return None
        value, twice = parse_json(text.encode())
    except (DecodeError, UnicodeEncodeError):
        return None
    if twice:
        raise ManifestError(str(twice[0]), file, 1)
    return list(_opened(value, Document({}, file, 1, text, 0), _MAX_LISTS))


def _opened(value: Any, place: Document, lists_left: int) -> Iterator[Document]:
    """The document, or the documents of a List (of any kind that ends so and has items)."""
    if not isinstance(value, dict):
        reason = f"expected an object with apiVersion and kind, got {show(value)}"
        raise ManifestError(reason, place.file, *place.position(""))
    kind, items = value.get("kind"), value.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield replace(place, value=value)
        return
    if lists_left == 0:
        raise ManifestError("too many lists within lists", place.file, *place.position(""))
    inherited = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
    for index, item in enumerate(items):
        if isinstance(item, dict) and kind != "List":
            item = {**inherited, **item}  # typed lists leave these out
        prefix = f"{place._prefix}.items[{index}]" if place._prefix else f"items[{index}]"
        yield from _opened(item, replace(place, _prefix=prefix), lists_left - 1)

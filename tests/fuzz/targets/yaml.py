"""Text as a manifest file, through the client's reader, and as the YAML or JSON body of a request."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from control_plane.server.bodies import received
from knarr.api.errors import DecodeError, FormatError, ManifestError
from knarr.api.json_text import parse_json
from knarr.api.kinds import CONFIG_MAP
from knarr.api.manifest import Document, read_bytes, read_text
from knarr.api.yaml_text import to_yaml
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import sizes, texts
from tests.fuzz.seeds import every_kind_text
from tests.fuzz.target import Try, Wrong, refusal
from tests.fuzz.targets.documents import named_kind
from tests.fuzz.world import one_in

_SMALL: Final = 100_000  # bytes
_DATA: Final = Path(__file__).parents[2] / "data"
_TOKENS: Final = (
    *(
        "---\n",
        "...\n",
        "- ",
        "? ",
        ": ",
        ":\n",
        "\n",
        "\n\n",
        "\n  ",
        "\t",
        " #",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        '"',
    ),
    *(
        "&a ",
        "*a",
        "*b",
        "<<: *a\n",
        "<<: [*a, *a]",
        "<<: {}",
        "!!str ",
        "!!int ",
        "!!binary ",
        "!!set ",
        "!x ",
        "!",
    ),
    *(
        "|\n",
        "|-\n",
        "|+2\n",
        ">\n",
        ">-\n",
        "%YAML 1.2\n",
        "%TAG ! x:\n",
        "\ufeff",
        "\0",
        "\x85",
        "\u2028",
        "\\x",
    ),
    *(
        "apiVersion: v1\n",
        "kind: List\nitems:\n",
        "kind: ConfigMapList\nitems: [{}]\n",
        '"\\ud800"',
        '"\\u0000"',
        "=",
        "~",
    ),
    *(
        "1e400",
        "0b11",
        "0o17",
        "017",
        "08",
        "1__0",
        "+.5",
        "-.inf",
        "2026-01-31",
        "1:30:00",
        "0x_",
        "1e-400",
        "- - - -",
    ),
)
_SNIPPETS: Final = (
    "a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}\n",
    "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b]\n",
    "a: |\n  one\n  two\nb: >-\n  three\n  four\n",
    '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "\\ud83d\\ude00"}}',
    "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
    "? [a, b]\n: c\n",
    "!!binary aGVsbG8=\n",
)


class Yaml:
    """An input is the text."""

    name = "yaml"

    def seeds(self) -> Sequence[bytes]:
        documents = every_kind_text().split("---\n")
        files = [file.read_bytes() for file in sorted(_DATA.rglob("*.yaml"))]
        return [*map(str.encode, (*documents, *_SNIPPETS)), *files]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = _changed(data, other, rng)
        return data

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        yield tried


def _changed(data: bytes, other: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    match rng.randrange(8):
        case 0:
            return texts.mutated_bytes(data, rng)
        case 1 | 2:
            return data[:at] + rng.choice(_TOKENS).encode() + data[at:]
        case 3:
            lines = data.split(b"\n")
            line = rng.randrange(len(lines))
            lines.insert(
                rng.randrange(len(lines) + 1), lines[line] if rng.random() < 0.5 else lines.pop(line)
            )
            return b"\n".join(lines)
        case 4:
            lent = other.split(b"\n")
            start = rng.randrange(len(lent))
            return data[:at] + b"\n".join(lent[start : start + rng.randint(1, 5)]) + data[at:]
        case 5:
            lines = data.split(b"\n")
            line = rng.randrange(len(lines))
            lines[line] = b" " * rng.randrange(6) + lines[line].strip()
            return b"\n".join(lines)
        case 6 if rng.random() < 0.02:
            return data[:at] + b' "' + sizes.placeholder(rng).encode() + b'" ' + data[at:]
    return texts.mutated(data.decode(errors="surrogateescape"), rng).encode(errors="replace")


async def tried(data: bytes) -> str:
    """Reads the text in every way, and again what was read when it is written."""
    text = sizes.expanded(data)
    words = [_read(text)]
    as_json = one_in(data, 3)
    kind, value = CONFIG_MAP, None
    with contextlib.suppress(FormatError):
        value = parse_json(text)[0] if as_json else _only(text)
        kind = named_kind(value) or kind
    try:
        received(kind.message, wire.Body(json=text) if as_json else wire.Body(yaml=text))
        words.append(f"body {kind.name}")
    except ApiError as error:
        words.append(refusal(error, kind.message, value))
    return " ".join(words)


def _only(text: bytes) -> object:
    documents = read_bytes(text, "body")
    return documents[0].value if len(documents) == 1 else None


def _read(text: bytes) -> str:
    """Through the reader of files."""
    try:
        documents = read_bytes(text, "file")
    except ManifestError as error:
        if error.line < 1 or error.column < 0 or not error.reason:
            raise Wrong(f"a refusal without a place or a reason: {error}") from error
        return "".join(char for char in error.reason[:40] if char.isalpha() or char == " ")
    small = len(text) <= _SMALL
    return f"{min(len(documents), 3)} " + " ".join(
        _decoded(document, small=small) for document in documents[:5]
    )


def _decoded(document: Document, *, small: bool) -> str:
    if small:  # to write and read it again takes several times as long as to read it
        _check_written(document)
    try:
        document.decode().strict()
        return "read"
    except DecodeError as error:
        for problem in error.problems[:10]:
            described = document.describe(problem)
            if not described.startswith("file:") or not problem.reason:
                raise Wrong(f"a problem without a place or a reason: {described}") from error
        return error.problems[0].reason[:12]


def _check_written(document: Document) -> None:
    """A value that was read is the same when it is written and read again; raises Wrong."""
    try:
        json.dumps(document.value).encode()
        text = to_yaml(document.value)
        text.encode()
    except UnicodeEncodeError:
        return  # lone surrogates are JSON, and no field takes them
    again = read_text(text)
    same = [inner.value for inner in again]
    if same != [document.value] and not _is_list(document.value):
        raise Wrong(f"{document.value!r:.300} is written as\n{text[:300]}\nwhich reads {same!r:.300}")


def _is_list(value: dict[str, object]) -> bool:
    return str(value.get("kind")).endswith("List") and isinstance(value.get("items"), list)

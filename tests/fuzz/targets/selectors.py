"""Label and field selectors: parsed, matched, printed, and in lists of every kind."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any, Final

from control_plane.api.registry import selectable
from knarr.api import codec, field_selectors, selectors
from knarr.api.errors import DecodeError, SelectorError
from knarr.errors import ApiError
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import sizes, texts, values
from tests.fuzz.target import Try, Wrong, refusal
from tests.fuzz.world import World, documents, kind_named, name_of, one_in, reference_of, world

_TOKENS: Final = (
    *(
        "=",
        "==",
        "!=",
        "!",
        ",",
        "(",
        ")",
        " in ",
        " notin ",
        "in",
        "notin",
        ">",
        "<",
        " ",
        "\\",
        "\\,",
        "\\=",
        "\t",
    ),
    *(
        "app",
        "tier",
        "a.b/c",
        "web",
        "1",
        "-1",
        "9223372036854775808",
        "metadata.name",
        "spec.nodeName",
        "x" * 64,
    ),
)
_LABELS: Final = (
    *(
        "",
        "app=web",
        "app==web,tier!=db",
        "app in (web,db),!gone",
        "app notin (a),b",
        "n>1,n<5",
        "a.b/c in (,)",
        "app=",
    ),
)
_FIELDS: Final = (
    "",
    "metadata.name=sample",
    "metadata.namespace!=default",
    "a=\\,",
    "spec.nodeName=,status.phase=x",
)
_EXAMPLES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"app": "web"},
    {"app": "db", "tier": "x", "n": "3"},
    {"a.b/c": ""},
    {"n": "x"},
)
_FORM: Final = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
}


class Selectors:
    """An input is JSON: {on, labels, fields, form}; form is a LabelSelector."""

    name = "selectors"

    def seeds(self) -> Sequence[bytes]:
        made: list[dict[str, Any]] = [{"on": "v1 Pod", "labels": text, "fields": ""} for text in _LABELS]
        made += [{"on": "v1 Pod", "labels": "", "fields": text, "form": _FORM} for text in _FIELDS]
        made += [
            {"on": name_of(kind), "labels": "a", "fields": f"{path}=x"}
            for kind in documents()
            for path in selectable(kind)
        ]
        return [values.to_text(each) for each in made]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        try:
            case = json.loads(data)
        except (ValueError, RecursionError):
            return other
        key = rng.choice(("labels", "fields", "labels", "fields", "form"))
        if key == "form":
            case["form"] = values.mutated(case.get("form", _FORM), meta.LabelSelector, _FORM, rng)
        else:
            case[key] = _changed(str(case.get(key, "")), rng)
        return values.to_text(case)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with world() as server:
            yield lambda data: tried(server, data)


def _changed(text: str, rng: Random) -> str:
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        if rng.random() < 0.6:
            text = text[:at] + rng.choice(_TOKENS) + text[at:]
        elif rng.random() < 0.001:
            text = rng.choice((",", "a,", "a in (b),", "(", "!", "\\")) * rng.choice((1_000, 100_000))
        else:
            text = texts.mutated(text, rng)
    return text


async def tried(server: World, data: bytes) -> str:
    try:
        case = json.loads(data)
        labels, fields = str(case["labels"]), str(case["fields"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return "no case"
    words = [_labels(labels), _fields(fields), _form(case.get("form"))]
    if one_in(data, 4) or len(data) < 200:
        words.append(await _listed(server, str(case.get("on")), labels, fields))
    return " ".join(words)


def _labels(text: str) -> str:
    """Printed, it selects the same."""
    try:
        parsed = selectors.parse(text)
    except SelectorError as error:
        return _said(error)
    again = selectors.parse(str(parsed))
    for example in _EXAMPLES:
        if parsed.matches(example) != again.matches(example):
            raise Wrong(f"{text!r} is printed as {str(parsed)!r}, which selects something else")
    return f"{len(parsed.requirements or ())} requirements"


def _fields(text: str) -> str:
    try:
        parsed = field_selectors.parse(text)
    except SelectorError as error:
        return _said(error)
    if field_selectors.parse(str(parsed)) != parsed:
        raise Wrong(f"{text!r} is printed as {str(parsed)!r}, which is another selector")
    return f"{min(len(parsed.requirements), 4)} fields"


def _form(form: object) -> str:
    """As a message, as workloads have it."""
    if not isinstance(form, dict):
        return ""
    try:
        message = codec.from_json(sizes.expanded(values.to_text(form)), meta.LabelSelector).strict()
        parsed = selectors.from_message(message)
    except DecodeError:
        return "no LabelSelector"
    except SelectorError as error:
        return _said(error)
    for example in _EXAMPLES:
        parsed.matches(example)
    return "selector"


def _said(error: SelectorError) -> str:
    if not str(error):
        raise Wrong("a refusal without a reason") from error
    return "".join(char for char in str(error)[:60] if char.isascii() and (char.isalpha() or char == " "))


async def _listed(server: World, on: str, labels: str, fields: str) -> str:
    kind = kind_named(on)
    await server.sample(kind)
    request = wire.ListRequest(
        reference=reference_of(kind, ""),
        label_selector=texts.utf8(labels),
        field_selector=texts.utf8(fields),
        resource_version=("", "0")[one_in(labels.encode(errors="replace"), 2)],
    )
    try:
        chunks = [chunk async for chunk in server.server.reads.list(request)]
    except ApiError as error:
        return refusal(error, None)
    return f"{kind.name} {sum(len(chunk.objects) for chunk in chunks)} found"

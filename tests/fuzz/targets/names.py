"""Text of all scripts at every place of a document where there is text: values, and keys of maps."""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from random import Random
from typing import Any, Final

from knarr.api import names
from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import sizes, texts, values
from tests.fuzz.target import Try, Wrong, refusal
from tests.fuzz.world import World, documents, kind_named, name_of, one_in, reference_of, world

_METADATA: Final[dict[str, Any]] = {
    "generateName": "sample-",
    "namespace": "default",
    "labels": {"example.com/team": "a"},
    "annotations": {"example.com/note": "b"},
    "finalizers": ["example.com/hold"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u-1"}],
}
_MORE: Final[dict[str, Any]] = {
    "Pod": {
        "serviceAccountName": "runner",
        "nodeSelector": {"disk": "ssd"},
        "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["a.example"]}],
        "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
        "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p/q"}]}}],
        "imagePullSecrets": [{"name": "s"}],
    }
}
_PLAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_ALIKE: Final = ("a", "e", "o", "-", ".", "0", "/")
_LOOKS: Final = (
    "\u0430",
    "\u0435",
    "\u043e",
    "\u2010",
    "\u2024",
    "\uff10",
    "\uff0f",
    "\ufb00",
    "\u00df",
    "\u017f",
    "\u004b",
    "\u0130",
)
# Any path segment will do for these, as in Kubernetes.
_FREE_NAMES: Final = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "PodDisruptionBudget")


class Names:
    """An input is JSON: {on, at, key, text}: text put in place of the value, or of its key, at a pointer."""

    name = "names"

    def seeds(self) -> Sequence[bytes]:
        return [
            values.to_text({"on": name_of(kind), "at": list(path), "key": key, "text": "sample"})
            for kind in documents()
            for path in _places(kind)
            for key in (False, True)
        ]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        try:
            case, lent = json.loads(data), json.loads(other)
        except (ValueError, RecursionError):
            return other
        text = str(case.get("text", ""))
        match rng.randrange(6):
            case 0:
                case["text"] = texts.text(rng)
            case 1:
                case["text"] = text.replace(rng.choice(_ALIKE), rng.choice(_LOOKS))
            case 2:
                case = {**lent, "text": text}
            case 3 if rng.random() < 0.02:
                case["text"] = sizes.placeholder(rng)
            case _:
                case["text"] = texts.mutated(text, rng)[:2_000]
        return values.to_text(case)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with world() as server:
            yield lambda data: tried(server, data)


@cache
def _full(kind: Kind) -> dict[str, Any]:
    """The document of a kind, with more in it."""
    document: dict[str, Any] = values.copied(documents()[kind])
    document["metadata"] = {**_METADATA, **document["metadata"]}
    if not kind.namespaced:
        del document["metadata"]["namespace"]
    if kind.name in _MORE:
        document["spec"] = {**document["spec"], **_MORE[kind.name]}
    return document


@cache
def _places(kind: Kind) -> tuple[tuple[str | int, ...], ...]:
    return tuple(_texts(_full(kind), ()))


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, str) and path[0] not in ("apiVersion", "kind"):
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _texts(value[key], (*path, key))


async def tried(server: World, data: bytes) -> str:
    try:
        case = json.loads(data)
        kind, path, text = kind_named(str(case["on"])), tuple(case["at"]), str(case["text"])
        document = _with(kind, path, text, as_key=bool(case.get("key")))
    except (ValueError, RecursionError, LookupError, TypeError):
        return "no case"
    _check_checkers(text)
    body = wire.Body(json=sizes.expanded(values.to_text(document)))
    where = f"{kind.name} {'.'.join(str(step) for step in path if isinstance(step, str))} {case.get('key')}"
    options = wire.WriteOptions(field_manager="fuzz")
    create = wire.CreateRequest(reference=reference_of(kind, ""), body=body, options=options)
    try:
        made = await server.server.writes.create(create)
    except ApiError as error:
        return f"{where} {refusal(error, kind.message, _read(body.json))}"
    name = made.reference.name
    if kind.name not in _FREE_NAMES and not _PLAIN.fullmatch(name):
        raise Wrong(f"a name that is no DNS name was taken: {name!r}")
    await server.check_stored(kind, made, thorough=one_in(data, 4))
    return f"{where} created"


def _read(text: bytes) -> object:
    """The document in its full size; None when that is no JSON any more."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _with(kind: Kind, path: tuple[Any, ...], text: str, *, as_key: bool) -> dict[str, Any]:
    document: dict[str, Any] = values.copied(_full(kind))
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    if path[-1] == "generateName":
        del document["metadata"]["name"]
    if as_key and isinstance(inner, dict):
        inner[text] = inner.pop(path[-1])
    else:
        inner[path[-1]] = text
    return document


def _check_checkers(text: str) -> None:
    """No checker of names lets anything but ASCII pass."""
    for check in (
        names.dns_label_errors,
        names.dns_subdomain_errors,
        names.label_value_errors,
        names.qualified_name_errors,
    ):
        if not check(texts.utf8(text)) and not (text.isascii() and (text.isprintable() or not text)):
            raise Wrong(f"{check.__name__} takes {text!r}")

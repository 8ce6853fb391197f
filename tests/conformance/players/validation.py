"""Plays validation.jsonl.gz: what is refused, with which code, reason and causes.

An answer agrees in its code, its reason and the set of (field, reason) of its causes; the object that an
accepted request makes is not compared. Codes of 500 are refusals that 1.20 reports badly: any 4xx agrees.
Type errors (400) come from the JSON decoder: their causes are not compared.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from control_plane.api.messages import metadata
from knarr.api.kinds import Kind
from tests.conformance.cases import Case, Difference, differing, differing_sets, judged
from tests.conformance.given import stored_object, with_uid
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import JSON, Answer, Call, NotExpressible, Text
from tests.conformance.world import Server

NAMESPACES = ("holdout", "holdout-q", "holdout-l")
NAME = "base"
# What raw requests find.
_POD = {"containers": [{"name": "app", "image": "registry.example/app:1"}]}
_LABELS = {"app": "web"}
DUP: tuple[tuple[str, Record], ...] = (
    ("ConfigMap", {"data": {"level": "info"}}),
    ("Secret", {"stringData": {"level": "info"}}),
    ("Pod", {"spec": _POD}),
    ("Service", {"spec": {"ports": [{"port": 80}]}}),
    (
        "Deployment",
        {
            "spec": {
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": _POD},
            }
        },
    ),
)


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every record with how our answer differs."""
    for namespace in NAMESPACES:
        await server.add_namespace(namespace)
    for record in records:
        what = f"{record['operation']} {record['kind'] or ''}".strip()
        case = Case(record["id"], f"{what} {record['mutation']}", record)
        yield await judged(case, _played(server, record))
        await server.clear()


async def _played(server: Server, record: Record) -> list[Difference]:
    try:
        return list(differences(record, await _answer(server, record)))
    except NotExpressible as error:
        return [Difference("request", str(error), "not expressible", record["code"])]


async def _answer(server: Server, record: Record) -> Answer:
    if record["operation"] == "raw":
        return await _raw(server, record)
    document = current(record["input"])
    for operation in record.get("input_ops", ()):
        _expand(document, *operation)
    kind, namespace = kind_named(record["kind"]), record.get("namespace") or ""
    if record["operation"] == "create":
        return await server.call(Call("POST", path_of(kind, namespace), document))
    return await _update(server, kind, namespace, record, document)


async def _update(server: Server, kind: Kind, namespace: str, record: Record, document: Any) -> Answer:
    stored = metadata(await server.put(kind, stored_object(kind, record["old"])))
    document = with_uid(document)
    if record.get("sent_resourceVersion"):
        document["metadata"]["resourceVersion"] = stored.resourceVersion
    return await server.call(Call("PUT", path_of(kind, namespace, stored.name), document))


async def _raw(server: Server, record: Record) -> Answer:
    for name, fields in DUP:
        kind = kind_named(name)
        document = {"metadata": {"name": "dup", "labels": _LABELS}, **fields}
        made = await server.call(Call("POST", path_of(kind, NAMESPACES[0]), document))
        assert made.accepted, made.message
    body, content_type = current(record["input"]), record.get("content_type", JSON)
    body = Text(body) if isinstance(body, str) else body
    return await server.call(Call(record["method"], record["path"], body, record["query"], content_type))


def _expand(document: Any, path: str, value: Any) -> None:
    """Set the field at a dotted path; ["repeat", text, length] is a map with one long value."""
    if isinstance(value, list):
        _, text, length = value
        value = {"a": (text * (length // len(text) + 1))[:length]}
    *parents, last = path.split(".")
    for name in parents:
        document = document[name]
    document[last] = value


def differences(record: Record, answer: Answer) -> Iterator[Difference]:
    """How an answer differs."""
    if record["code"] == 500:
        if not 400 <= answer.code < 500:
            yield Difference("code", "", answer.code, "any 4xx")
        return
    yield from differing("code", answer.code, record["code"])
    if record["code"] < 300 and answer.accepted:
        return
    yield from differing("reason", answer.reason, record.get("reason"))
    if record["code"] != 400 or answer.code != 400:
        ours = {(cause.field, cause.reason) for cause in answer.causes}
        theirs = {(cause["field"] or "", cause["reason"]) for cause in record.get("causes") or ()}
        yield from differing_sets("cause", ours, theirs)

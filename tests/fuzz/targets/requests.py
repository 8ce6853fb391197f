"""Request messages of every rpc of every service, through the handlers that gRPC calls."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from typing import Any, Final

from google.protobuf.message import DecodeError as WireError
from google.protobuf.message import Message

from knarr.api.kinds import Kind, find
from knarr.proto.services import node_service_pb2 as node_wire
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import texts, values
from tests.fuzz.mutation import wire as bytes_of
from tests.fuzz.plane import METHODS, Aborted, Plane, plane, request_class
from tests.fuzz.target import Try, Wrong, refusal
from tests.fuzz.world import NAME, documents, one_in, reference_of

_WRITES: Final = ("Create", "Update", "UpdateStatus", "Patch", "Apply")
# What a request about nodes and logs may be told besides: nobody is there, or not in time.
_PASSING: Final = (503, 504)
_PASSING_METHODS: Final = ("Logs", "Bootstrap", "Session", "Stream")
_TOKEN: Final = base64.urlsafe_b64encode(json.dumps({"v": 127, "k": "default/a"}).encode()).decode()
_OPTIONS: Final = wire.WriteOptions(field_manager="fuzz")
_PARTS: Final = 8  # messages of a call that streams


class Requests:
    """An input is a line with the name of the rpc, and the bytes of its request; of one that takes a stream,
    of a message whose field 1 has them all."""

    name = "requests"

    def seeds(self) -> Sequence[bytes]:
        made = [case(method, b"") for method in METHODS]
        for kind, document in documents().items():
            made += [case(name, request.SerializeToString()) for name, request in _of_kind(kind, document)]
        return [*made, case("Session", bytes_of.joined([(b"\x0a", 2, part) for part in _session()]))]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        head, _, body = data.partition(b"\n")
        if rng.random() < 0.02:
            return case(rng.choice(list(METHODS)), body)
        lent = other.partition(b"\n")[2]
        for _ in range(rng.choice((1, 1, 2, 3))):
            body = bytes_of.mutated(body, lent, rng) if body or rng.random() < 0.5 else lent
        return head + b"\n" + body

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with plane() as server:
            yield lambda data: tried(server, data)


def case(method: str, body: bytes) -> bytes:
    return method.encode() + b"\n" + body


def _of_kind(kind: Kind, document: dict[str, Any]) -> Iterator[tuple[str, Message]]:
    """A request of every rpc about objects."""
    whole, one = reference_of(kind, ""), reference_of(kind, NAME)
    body = wire.Body(json=values.to_text(document))
    create = wire.CreateRequest(reference=whole, body=body, options=_OPTIONS)
    update = wire.UpdateRequest(reference=one, body=body, options=_OPTIONS)
    patch = wire.PatchRequest(reference=one, type=wire.PatchRequest.MERGE, patch=b"{}", options=_OPTIONS)
    apply = wire.ApplyRequest(reference=one, body=body, options=_OPTIONS, force=True)
    delete = wire.DeleteRequest(reference=one)
    yield "Create", create
    yield "Update", update
    yield "UpdateStatus", update
    yield "Patch", patch
    yield "Apply", apply
    yield "Delete", delete
    yield "Delete", wire.DeleteRequest(reference=whole, label_selector="app=x", dry_run=True)
    yield "Get", wire.GetRequest(reference=one, as_table=True)
    yield "List", wire.ListRequest(reference=whole, limit=2, as_table=True)
    yield "List", wire.ListRequest(reference=whole, continue_token=_TOKEN)
    yield "List", wire.ListRequest(reference=whole, resource_version="127", version_match=wire.EXACT)
    yield "Watch", wire.WatchRequest(reference=whole, resource_version="1", bookmarks=True, as_table=True)
    yield "Explain", wire.ExplainRequest(reference=whole, path="spec.template.spec", recursive=True)
    items = [wire.BatchItem(create=create), wire.BatchItem(patch=patch), wire.BatchItem(delete=delete)]
    yield "Batch", wire.BatchRequest(items=items)
    if "Why" in METHODS:
        why = request_class(METHODS["Why"])()
        why.reference.CopyFrom(one)  # type: ignore[attr-defined]
        yield "Why", why


def _session() -> list[bytes]:
    """What an agent says."""
    register = node_wire.Register(node_name="n", machine_id="m")
    register.node.metadata.name = "n"
    report = node_wire.StatusReport(sequence=1)
    report.pods.add(namespace="default", name=NAME, uid="u").status.phase = "Running"
    messages = (
        node_wire.AgentMessage(register=register),
        node_wire.AgentMessage(heartbeat=node_wire.Heartbeat(sequence=1)),
        node_wire.AgentMessage(report=report),
    )
    return [message.SerializeToString() for message in messages]


async def tried(server: Plane, data: bytes) -> str:
    head, _, body = data.partition(b"\n")
    name = texts.utf8(head.decode(errors="replace"))
    if name not in METHODS:
        return "no such method"
    method = METHODS[name]
    parts = [value for _, _, value in bytes_of.split(body)[:_PARTS]] if method.client_streaming else [body]
    try:
        sent = [request_class(method).FromString(part) for part in parts]
    except WireError:
        return f"{name} no such request"
    first: Any = sent[0] if sent else None
    try:
        answers = await server.call(name, sent)
    except Aborted as aborted:
        if aborted.error.code in _PASSING and name in _PASSING_METHODS:
            return f"{name} {aborted.error.code}"
        return f"{name} {refusal(aborted.error, None)}"
    except asyncio.CancelledError:
        return f"{name} was ended"
    if name in _WRITES and answers:
        await _check_write(server, first, answers[0], thorough=one_in(data, 8))
    shown = type(answers[0]).__name__ if answers else "nothing"
    return (
        f"{name} {getattr(getattr(first, 'reference', None), 'kind', '')[:40]} {min(len(answers), 3)} {shown}"
    )


async def _check_write(server: Plane, request: Any, answer: Any, *, thorough: bool) -> None:
    """What an ordinary write has stored."""
    kind = find(request.reference.api_version, request.reference.kind)
    if kind is None:
        raise Wrong(f"a write of no kind was answered: {request.reference}")
    if (
        not request.options.dry_run
        and not request.subresource
        and answer.outcome in (wire.CREATED, wire.CONFIGURED)
    ):
        await server.world.check_stored(kind, answer, thorough=thorough)

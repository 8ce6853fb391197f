"""Bytes as the protobuf body of create, update and status, of every kind."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

from knarr.api import codec, envelope
from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import texts
from tests.fuzz.mutation import wire as bytes_of
from tests.fuzz.seeds import recorded_documents
from tests.fuzz.target import Try, refusal
from tests.fuzz.targets.documents import VALIDATIONS, named_kind
from tests.fuzz.world import NAME, World, documents, kind_named, name_of, one_in, reference_of, world
from tests.support.generate import value_of

_CALLS = ("create", "update", "status")


class Protobuf:
    """An input is a line, "update apps/v1 Deployment", and the bytes of the body."""

    name = "protobuf"

    def seeds(self) -> Sequence[bytes]:
        made = []
        for document in (*documents().values(), *recorded_documents()):
            kind = named_kind(document)
            assert kind is not None  # seeds are of served kinds
            body = codec.object_from_dict(document).message
            made += [case(call, kind, body.SerializeToString()) for call in _CALLS]
            made.append(case("create", kind, envelope.write(body)))
        return made

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        head, _, body = data.partition(b"\n")
        if rng.random() < 0.03:
            return case(rng.choice(_CALLS), kind_of(head), body)
        if rng.random() < 0.03:
            return head + b"\n" + _made(kind_of(head), rng)
        packed = body.startswith(envelope.MAGIC)
        inner = body[len(envelope.MAGIC) :] if packed else body
        lent = other.partition(b"\n")[2]
        inner = bytes_of.mutated(inner, lent, rng) if rng.random() < 0.95 else texts.mutated_bytes(inner, rng)
        return head + b"\n" + (envelope.MAGIC if packed else b"") + inner

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with world() as server:
            yield lambda data: tried(server, data)


def case(call: str, kind: Kind, body: bytes) -> bytes:
    return f"{call} {name_of(kind)}\n".encode() + body


def kind_of(head: bytes) -> Kind:
    """The kind in the first line."""
    return kind_named(head.decode(errors="replace").partition(" ")[2])


def _made(kind: Kind, rng: Random) -> bytes:
    """A message with some fields of the schema, named as the sample is."""
    value: dict[str, Any] = value_of(kind.message, rng, full=False)
    value["metadata"] = {**value.get("metadata", {}), "name": NAME, "namespace": ""}
    return codec.decode(value, kind.message).message.SerializeToString()


async def tried(server: World, data: bytes) -> str:
    head, _, body = data.partition(b"\n")
    kind, call = kind_of(head), head.partition(b" ")[0].decode(errors="replace")
    options = wire.WriteOptions(
        field_manager="fuzz", dry_run=one_in(data, 4), field_validation=VALIDATIONS[one_in(data, 2, 1)]
    )
    sent = wire.Body(protobuf=body)
    try:
        if call in ("update", "status"):
            await server.sample(kind)
            update = wire.UpdateRequest(reference=reference_of(kind, NAME), body=sent, options=options)
            made = await server.server.writes.update(update, "status" if call == "status" else "")
        else:
            create = wire.CreateRequest(reference=reference_of(kind, ""), body=sent, options=options)
            made = await server.server.writes.create(create)
    except ApiError as error:
        return f"{call} {kind.name} {refusal(error, None)}"
    if not options.dry_run:
        await server.check_stored(kind, made, thorough=one_in(data, 4, 3))
    return f"{call} {kind.name} {wire.Outcome.Name(made.outcome)}"

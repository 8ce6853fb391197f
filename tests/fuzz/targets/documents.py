"""Documents of every kind with something changed: created and updated, for real and dry."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import sizes, texts, values
from tests.fuzz.seeds import recorded_documents
from tests.fuzz.target import Try, refusal
from tests.fuzz.world import NAME, World, documents, one_in, reference_of, world

VALIDATIONS = (wire.STRICT, wire.WARN, wire.IGNORE)


class Documents:
    """An input is the JSON text of a document."""

    name = "documents"

    def seeds(self) -> Sequence[bytes]:
        return [values.to_text(document) for document in (*documents().values(), *recorded_documents())]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        try:
            value, donor = json.loads(data), json.loads(other)
        except (ValueError, RecursionError):
            return texts.mutated_bytes(data, rng)
        kind = named_kind(value)
        made = values.to_text(values.mutated(value, kind.message if kind else None, donor, rng))
        if rng.random() < 0.02:
            return texts.mutated_bytes(made, rng)
        return _twice(made, rng) if rng.random() < 0.02 else made

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with world() as server:
            yield lambda data: tried(server, data)


def named_kind(value: Any) -> Kind | None:
    """The kind that a document names."""
    if not isinstance(value, dict):
        return None
    version, name = value.get("apiVersion"), value.get("kind")
    return kinds.find(version, name) if isinstance(version, str) and isinstance(name, str) else None


def _twice(text: bytes, rng: Random) -> bytes:
    """A key given twice, which no value in memory can say."""
    at = text.find(b'{"', rng.randrange(len(text) + 1))
    end = text.find(b":", at)
    return text if at < 0 or end < 0 else text[: at + 1] + text[at + 1 : end] + b":1," + text[at + 1 :]


async def tried(server: World, data: bytes) -> str:
    """Creates what the document says, and updates the sample of its kind with it."""
    text = expanded = sizes.expanded(data)
    try:
        value = json.loads(expanded)
    except (ValueError, RecursionError):
        value = None
    kind = named_kind(value) or kinds.CONFIG_MAP
    options = wire.WriteOptions(
        field_manager="fuzz",
        dry_run=one_in(data, 4),
        field_validation=VALIDATIONS[sum(one_in(data, 3, salt) for salt in (1, 2))],
    )
    body = wire.Body(json=text)
    answers = [kind.name]
    try:
        create = wire.CreateRequest(reference=reference_of(kind, ""), body=body, options=options)
        made = await server.server.writes.create(create)
        answers.append("created")
        if not options.dry_run:
            await server.check_stored(kind, made, thorough=one_in(data, 4, 3))
    except ApiError as error:
        answers.append(refusal(error, kind.message, value))
    if one_in(data, 2, 4):
        answers.append(await _updated(server, kind, body, options, value))
    return " ".join(answers)


async def _updated(server: World, kind: Kind, body: wire.Body, options: wire.WriteOptions, value: Any) -> str:
    await server.sample(kind)
    update = wire.UpdateRequest(reference=reference_of(kind, NAME), body=body, options=options)
    try:
        made = await server.server.writes.update(update)
    except ApiError as error:
        return refusal(error, kind.message, value)
    if made.outcome == wire.CONFIGURED and not options.dry_run:
        await server.check_stored(kind, made, thorough=False)
    return "updated"

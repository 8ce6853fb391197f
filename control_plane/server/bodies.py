"""Objects as clients send them, protobuf, JSON or YAML, to messages; unknown fields as the client asked."""

import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from knarr.api import codec, envelope, kinds
from knarr.api.conversion import other_version
from knarr.api.errors import DecodeError, FormatError, Problem
from knarr.api.json_text import parse_json
from knarr.api.kinds import Kind
from knarr.api.manifest import read_bytes
from knarr.api.schema import api_version
from knarr.errors import BadRequest, Cause, NotFound, TooLarge, sayable
from knarr.proto.services import object_service_pb2 as wire

MAX_BODY_BYTES = 3 * 1024 * 1024  # as in Kubernetes; what is stored is bounded much lower

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[M_co]):
    """What a client sent: the message and, unless it came as protobuf, the JSON value it was."""

    message: M_co
    value: dict[str, Any] | None  # in the served version
    warnings: tuple[str, ...] = ()


def kind_of(reference: wire.Reference) -> Kind:
    """The kind that a request names; raises NotFound."""
    kind = kinds.find(reference.api_version, reference.kind)
    if kind is None:
        raise NotFound(
            f'the server could not find the requested resource: no kind "{reference.kind}" in version '
            f'"{reference.api_version}"'
        )
    return kind


def received(
    message: type[M], body: wire.Body, validation: "wire.FieldValidation.ValueType" = wire.STRICT
) -> Received[M]:
    """The object in a request's body, in whichever version of its kind it is written; raises TooLarge, and
    BadRequest naming every field at fault."""
    form = body.WhichOneof("form")
    if form is None:
        raise BadRequest("the request has no body")
    if len(getattr(body, form)) > MAX_BODY_BYTES:
        # Refused unread: reading it would hold up everybody else.
        raise TooLarge(f"Request entity too large: limit is {MAX_BODY_BYTES} bytes")
    value: dict[str, Any] | None = None
    repeated: tuple[Problem, ...] = ()
    try:
        if form == "protobuf":
            decoded = _protobuf(message, body.protobuf)
        else:
            value, repeated = _json(body.json) if form == "json" else (_yaml(body.yaml), ())
            _check_type(message, value)
            decoded, value = codec.decode_object(value, message)
    except DecodeError as error:
        raise unreadable(message, error) from error
    except FormatError as error:
        raise BadRequest(f"the body cannot be read: {error}") from error
    problems = (*repeated, *decoded.unknown)
    if problems and validation == wire.STRICT:
        raise unreadable(message, DecodeError(problems))
    warnings = tuple(sayable(str(problem)) for problem in problems) if validation == wire.WARN else ()
    return Received(decoded.message, value, warnings)


def unreadable(message: type[Message], error: DecodeError) -> BadRequest:
    """A document that does not fit its kind, with one cause for each field."""
    causes = [
        Cause(problem.path, "FieldValueInvalid", str(problem).removeprefix(f"{problem.path}: "))
        for problem in error.problems
    ]
    name, version = message.DESCRIPTOR.name, api_version(message.DESCRIPTOR).rpartition("/")[2]
    text = "; ".join(map(str, error.problems))
    return BadRequest(f'{name} in version "{version}" cannot be handled as a {name}: {text}', causes=causes)


def _protobuf(message: type[M], data: bytes) -> codec.Decoded[M]:
    """The message's own bytes, also from the envelope in which clients of Kubernetes put them."""
    if not data.startswith(envelope.MAGIC):
        return envelope.read_message(data, message)
    version, name, _ = envelope.unwrap(data)
    _check_type(message, {"apiVersion": version, "kind": name})
    return envelope.read_object(data, message)


def _json(data: bytes) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    value, repeated = parse_json(data)
    if not isinstance(value, dict):
        raise BadRequest(f"the body is no object, but {json.dumps(value)[:80]}")
    return value, repeated


def _yaml(data: bytes) -> dict[str, Any]:
    documents = read_bytes(data, "body")
    if len(documents) != 1:
        raise BadRequest(f"the body has {len(documents)} documents; one is expected")
    return documents[0].value


def _check_type(message: type[Message], value: dict[str, Any]) -> None:
    """What a document says it is must be what the request is about; it may say nothing."""
    wanted = (api_version(message.DESCRIPTOR), message.DESCRIPTOR.name)
    named = (value.get("apiVersion") or wanted[0], value.get("kind") or wanted[1])
    version = other_version({"apiVersion": named[0], "kind": named[1]})
    if named != wanted and (version is None or version.kind.message is not message):
        raise BadRequest(
            f"the object provided is {named[0]} {named[1]}, the request is for {wanted[0]} {wanted[1]}"
        )

"""Objects as clients send them, protobuf, JSON or YAML, to messages; unknown fields as the client asked."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message

from knarr.api import codec, kinds
from knarr.api.errors import DecodeError, FormatError
from knarr.api.kinds import Kind
from knarr.api.manifest import read_bytes
from knarr.errors import BadRequest, Cause, NotFound
from knarr.proto.services import object_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class Received:
    """What a client sent: the message and, unless it came as protobuf, the JSON value it was."""

    message: Message
    value: dict[str, Any] | None
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


def received(kind: Kind, body: wire.Body, validation: "wire.FieldValidation.ValueType") -> Received:
    """The object in a request's body; raises BadRequest naming every field at fault."""
    form = body.WhichOneof("form")
    if form == "protobuf":
        try:
            return Received(kind.message.FromString(body.protobuf), None)
        except ProtobufError as error:
            raise BadRequest(f"the body is no {kind.name} in protobuf form") from error
    if form is None:
        raise BadRequest("the request has no body")
    value = _value(body.json if form == "json" else body.yaml)
    _check_kind(kind, value)
    try:
        decoded = codec.decode(
            {k: v for k, v in value.items() if k not in ("apiVersion", "kind")}, kind.message
        )
    except DecodeError as error:
        raise bad_request(kind, error) from error
    if decoded.unknown and validation == wire.STRICT:
        raise bad_request(kind, DecodeError(decoded.unknown))
    warnings = tuple(map(str, decoded.unknown)) if validation == wire.WARN else ()
    return Received(decoded.message, value, warnings)


def bad_request(kind: Kind, error: DecodeError) -> BadRequest:
    """A document that does not fit its kind, with one cause for each field."""
    causes = [
        Cause(problem.path, "FieldValueInvalid", str(problem).removeprefix(f"{problem.path}: "))
        for problem in error.problems
    ]
    text = "; ".join(map(str, error.problems))
    return BadRequest(
        f"{kind.name} in version {kind.version} cannot be handled as a {kind.name}: {text}", causes=causes
    )


def _value(data: bytes) -> dict[str, Any]:
    try:
        documents = read_bytes(data, "body")
    except FormatError as error:
        raise BadRequest(f"the body cannot be read: {error}") from error
    if len(documents) != 1:
        raise BadRequest(f"the body has {len(documents)} documents; one is expected")
    return documents[0].value


def _check_kind(kind: Kind, value: dict[str, Any]) -> None:
    named = (value.get("apiVersion", kind.api_version), value.get("kind", kind.name))
    if named != (kind.api_version, kind.name):
        raise BadRequest(
            f"the object provided is {named[0]} {named[1]}, the request is for {kind.api_version} {kind.name}"
        )

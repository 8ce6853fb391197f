"""Patches of stored objects: the object as JSON, patched, read back; unknown fields as the client asked."""

from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.patching import json_patch, merge_patch, strategic_merge
from knarr.api import codec
from knarr.api.errors import DecodeError
from knarr.api.json_text import parse_json
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Cause, Invalid, TooLarge, UnsupportedMediaType
from knarr.proto.services import object_service_pb2 as wire

MAX_PATCH_BYTES = 3 * 1024 * 1024


def parse_patch(text: bytes, type_: "wire.PatchRequest.Type.ValueType") -> Any:
    """The patch as a JSON value; raises BadRequest, TooLarge."""
    if len(text) > MAX_PATCH_BYTES:
        raise TooLarge(f"Request entity too large: limit is {MAX_PATCH_BYTES} bytes")
    try:
        value, _ = parse_json(text)
    except DecodeError as error:
        raise BadRequest(f"the patch cannot be read: {error}") from error
    wanted = list if type_ == wire.PatchRequest.JSON else dict
    if not isinstance(value, wanted):
        raise BadRequest(f"the patch must be a JSON {'array' if wanted is list else 'object'}")
    return value


def patched(
    kind: Kind,
    current: Message,
    patch: Any,
    type_: "wire.PatchRequest.Type.ValueType",
    *,
    validation: "wire.FieldValidation.ValueType" = wire.STRICT,
    warnings: list[str] | None = None,
) -> Message:
    """The object that a patch makes of the current one; raises ApiError. `warnings`: where those go that WARN
    asks for."""
    original = {"apiVersion": kind.api_version, "kind": kind.name, **codec.to_dict(current)}
    match type_:
        case wire.PatchRequest.STRATEGIC:
            value = strategic_merge(original, patch, kind.message)
        case wire.PatchRequest.MERGE:
            value = merge_patch(original, patch)
        case wire.PatchRequest.JSON:
            value = json_patch(original, patch)
        case _:
            raise UnsupportedMediaType("the patch's type must be strategic, merge or json")
    if not isinstance(value, dict):
        raise BadRequest("the patch makes the object something that is no object")
    named = (value.pop("apiVersion", kind.api_version), value.pop("kind", kind.name))
    if named != (kind.api_version, kind.name):
        raise BadRequest(f"a patch cannot make a {kind.name} a {named[1]} of {named[0]}")
    new, unknown = _decoded(kind, current, value, strict=validation == wire.STRICT)
    if validation == wire.WARN and warnings is not None:
        warnings.extend(unknown)
    _check_names(new, current)
    return new


def _decoded(
    kind: Kind, current: Message, value: dict[str, Any], *, strict: bool
) -> tuple[Message, list[str]]:
    """The message, and what it has no field for; raises Invalid."""
    try:
        found = codec.decode(value, kind.message)
        return found.strict() if strict else found.message, list(map(str, found.unknown))
    except DecodeError as error:
        causes = [Cause(problem.path, "FieldValueInvalid", str(problem)) for problem in error.problems]
        name = metadata(current).name
        text = "; ".join(map(str, error.problems))
        raise Invalid(f'{kind.name} "{name}" is invalid: patch: {text}', causes=causes) from error


def _check_names(new: Message, current: Message) -> None:
    own, known = metadata(new), metadata(current)
    if own.name != known.name:
        raise BadRequest(
            f"the name of the object ({own.name}) does not match the name on the URL ({known.name})"
        )
    if own.namespace != known.namespace:
        raise BadRequest(
            f"the namespace of the object ({own.namespace}) does not match the namespace on the request "
            f"({known.namespace})"
        )

"""Patches of stored objects: the object as JSON, patched, read back; unknown fields as the client asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.patching import json_patch, merge_patch, strategic_merge
from knarr.api import codec
from knarr.api.errors import DecodeError, Problem
from knarr.api.json_text import parse_json
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Cause, Invalid, TooLarge, UnsupportedMediaType
from knarr.proto.services import object_service_pb2 as wire

MAX_PATCH_BYTES: Final = 3 * 1024 * 1024
_OPERATION: Final = frozenset({"op", "path", "from", "value"})


@dataclass(frozen=True, slots=True)
class Patch:
    """What a client asks to be changed, and how."""

    value: Any  # JSON
    type: "wire.PatchRequest.Type.ValueType"
    # What becomes of fields that nobody knows, and of those given twice.
    validation: "wire.FieldValidation.ValueType" = wire.STRICT
    problems: tuple[Problem, ...] = ()  # of the patch itself


def read_patch(request: wire.PatchRequest) -> Patch:
    """The patch of a request; raises BadRequest, TooLarge."""
    if len(request.patch) > MAX_PATCH_BYTES:
        raise TooLarge(f"Request entity too large: limit is {MAX_PATCH_BYTES} bytes")
    try:
        value, repeated = parse_json(request.patch)
    except DecodeError as error:
        raise BadRequest(f"the patch cannot be read: {error}") from error
    wanted = list if request.type == wire.PatchRequest.JSON else dict
    if not isinstance(value, wanted):
        raise BadRequest(f"the patch must be a JSON {'array' if wanted is list else 'object'}")
    problems = (*repeated, *_unknown_members(value))
    return Patch(value, request.type, request.options.field_validation, problems)


def _unknown_members(value: Any) -> Iterator[Problem]:
    """What the operations of a JSON patch say beyond what operations have."""
    for place, operation in enumerate(value if isinstance(value, list) else ()):
        for key in operation if isinstance(operation, dict) else ():
            if key not in _OPERATION:
                yield Problem(f"[{place}].{key}", operation[key], "unknown field", unknown=True)


def patched(kind: Kind, current: Message, patch: Patch) -> tuple[Message, list[str]]:
    """The object that a patch makes of the current one, and warnings; raises ApiError."""
    original = {"apiVersion": kind.api_version, "kind": kind.name, **codec.to_dict(current)}
    match patch.type:
        case wire.PatchRequest.STRATEGIC:
            value = strategic_merge(original, patch.value, kind.message)
        case wire.PatchRequest.MERGE:
            value = merge_patch(original, patch.value)
        case wire.PatchRequest.JSON:
            value = json_patch(original, patch.value)
        case _:
            raise UnsupportedMediaType("the patch's type must be strategic, merge or json")
    named = (value.pop("apiVersion", kind.api_version), value.pop("kind", kind.name))
    if named != (kind.api_version, kind.name):
        raise BadRequest(f"a patch cannot make a {kind.name} a {named[1]} of {named[0]}")
    new, warnings = _decoded(kind, current, value, patch)
    _check_names(kind, new, current)
    return new, warnings


def _decoded(kind: Kind, current: Message, value: Any, patch: Patch) -> tuple[Message, list[str]]:
    """The message, and warnings; raises Invalid."""
    try:
        found = codec.decode(value, kind.message)
        problems = (*patch.problems, *found.unknown)
        if problems and patch.validation == wire.STRICT:
            raise DecodeError(problems)
    except DecodeError as error:
        causes = [Cause(problem.path, "FieldValueInvalid", str(problem)) for problem in error.problems]
        name = metadata(current).name
        text = "; ".join(map(str, error.problems))
        raise Invalid(f'{kind.name} "{name}" is invalid: patch: {text}', causes=causes) from error
    return found.message, list(map(str, problems)) if patch.validation == wire.WARN else []


def _check_names(kind: Kind, new: Message, current: Message) -> None:
    """No patch gives an object another name; one that takes the namespace away leaves it."""
    own, known = metadata(new), metadata(current)
    if not own.name:
        raise BadRequest(
            f"the name of the object ({known.name} based on URL) was undeterminable: name must be provided"
        )
    if own.name != known.name:
        raise BadRequest(
            f"the name of the object ({own.name}) does not match the name on the URL ({known.name})"
        )
    own.namespace = own.namespace or known.namespace
    if kind.namespaced and own.namespace != known.namespace:
        raise BadRequest(
            f"the namespace of the object ({own.namespace}) does not match the namespace on the request "
            f"({known.namespace})"
        )

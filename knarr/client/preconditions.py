"""Whether a write can be done twice. Pure.

A write that names the version or the uid of the object that it means can be sent again without harm: if it
was done the first time, the second is refused. All others are not repeated while in doubt.
"""

import json
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.client.references import metadata_of
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)

WriteRequest = (
    wire.CreateRequest | wire.UpdateRequest | wire.PatchRequest | wire.ApplyRequest | wire.DeleteRequest
)

SCALE, BINDING, EVICTION = "scale", "binding", "eviction"


def is_dry(request: WriteRequest) -> bool:
    """Whether nothing is written at all."""
    if isinstance(request, wire.DeleteRequest):
        return request.dry_run or bool(request.options.dryRun)
    return request.options.dry_run


def is_conditional(request: WriteRequest) -> bool:
    """Whether a precondition makes that the request is not carried out twice."""
    match request:
        case wire.CreateRequest(subresource="binding"):
            return bool(body_metadata(request.body, core.Binding).uid)
        case wire.CreateRequest(subresource="eviction"):
            eviction = parsed(request.body, policy.Eviction)
            return eviction is not None and _names_one(eviction.deleteOptions)
        case wire.UpdateRequest():
            return bool(body_metadata(request.body, _message(request)).resourceVersion)
        case wire.ApplyRequest():
            return bool(body_metadata(request.body, _message(request)).resourceVersion)
        case wire.PatchRequest():
            return _patch_is_conditional(request)
        case wire.DeleteRequest():
            return bool(request.reference.name) and _names_one(request.options)
        case _:
            return False


def body_metadata(body: wire.Body, message: type[Message] | None) -> meta.ObjectMeta:
    """uid and resourceVersion that a body names; empty where it cannot be told."""
    if body.HasField("json"):
        found = _at(_json(body.json), "metadata")
        uid, version = _at(found, "uid"), _at(found, "resourceVersion")
        return meta.ObjectMeta(
            uid=uid if isinstance(uid, str) else "",
            resourceVersion=version if isinstance(version, str) else "",
        )
    obj = parsed(body, message) if message is not None else None
    return metadata_of(obj) if obj is not None else meta.ObjectMeta()


def without_version(body: wire.Body) -> wire.Body:
    """The body, of whatever version of the object; as it is where it is no JSON."""
    document = _json(body.json)
    if not _at(_at(document, "metadata"), "resourceVersion"):
        return body
    del document["metadata"]["resourceVersion"]
    return wire.Body(json=json.dumps(document).encode())


def parsed(body: wire.Body, message: type[M]) -> M | None:
    """The object of a body in protobuf form."""
    if not body.HasField("protobuf"):
        return None
    try:
        return message.FromString(body.protobuf)
    except DecodeError:
        return None


def _message(request: wire.UpdateRequest | wire.ApplyRequest) -> type[Message] | None:
    if request.subresource == SCALE:
        return autoscaling.Scale
    kind: Kind | None = kinds.find(request.reference.api_version, request.reference.kind)
    return kind.message if kind is not None else None


def _names_one(options: meta.DeleteOptions) -> bool:
    return bool(options.preconditions.uid or options.preconditions.resourceVersion)


def _patch_is_conditional(request: wire.PatchRequest) -> bool:
    patch = _json(request.patch)
    if request.type == wire.PatchRequest.JSON:
        return isinstance(patch, list) and any(
            _at(step, "op") == "test" and _at(step, "path") == "/metadata/resourceVersion" for step in patch
        )
    return bool(_at(_at(patch, "metadata"), "resourceVersion"))


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None

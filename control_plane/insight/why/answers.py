"""The beginning of every answer. Pure."""

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from knarr.api.kinds import Kind
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.object_service_pb2 import Reference


def blank(kind: Kind, obj: Message) -> wire.WhyResponse:
    """An answer about the object, with nothing said yet."""
    return wire.WhyResponse(reference=reference_of(kind, obj))


def reference_of(kind: Kind, obj: Message) -> Reference:
    """How the wire names the object."""
    own = metadata(obj)
    return Reference(api_version=kind.api_version, kind=kind.name, namespace=own.namespace, name=own.name)

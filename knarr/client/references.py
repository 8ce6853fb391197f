"""How objects and kinds are named on the wire."""

from typing import cast

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire


def kind_of(kind: Kind | type[Message]) -> Kind:
    """The row of a kind given as itself or as its message; raises KeyError for a message that is no kind."""
    return kind if isinstance(kind, Kind) else kinds.of(kind)


def reference(kind: Kind, namespace: str = "", name: str = "") -> wire.Reference:
    """How the wire names a kind or an object."""
    return wire.Reference(
        api_version=kind.api_version,
        kind=kind.name,
        namespace=namespace if kind.namespaced else "",
        name=name,
    )


def of_object(kind: Kind, obj: Message) -> wire.Reference:
    """How the wire names this object."""
    metadata = metadata_of(obj)
    return reference(kind, metadata.namespace, metadata.name)


def metadata_of(obj: Message) -> meta.ObjectMeta:
    """The metadata that every served kind has."""
    return cast(meta.ObjectMeta, obj.metadata)  # type: ignore[attr-defined]


def words(target: wire.Reference) -> str:
    """The object for a sentence: `Pod "web/web-1"`; all of a kind: `every Pod in "web"`."""
    if not target.name:
        return f'every {target.kind} in "{target.namespace}"' if target.namespace else f"every {target.kind}"
    name = f"{target.namespace}/{target.name}" if target.namespace else target.name
    return f'{target.kind} "{name}"'

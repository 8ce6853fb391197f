"""Rows of objects as clients print them."""

from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.registry import row
from knarr.api.kinds import Kind
from knarr.proto.services import object_service_pb2 as wire


def table(kind: Kind, objects: Sequence[Message], *, header: bool = True) -> wire.Table:
    """The rows of objects of one kind; with `header`, the columns too."""
    columns = row(kind).columns
    result = wire.Table()
    if header:
        for name, priority, format_ in columns.columns:
            result.columns.add(name=name, priority=priority, format=format_)
    for obj in objects:
        own = metadata(obj)
        cells = columns.cells(obj)
        added = result.rows.add(cells=[own.name, *cells] if columns.named else cells, labels=own.labels)
        reference = added.reference
        reference.api_version, reference.kind = kind.api_version, kind.name
        reference.namespace, reference.name = own.namespace, own.name
    return result

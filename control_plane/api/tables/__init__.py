"""Tables: the columns of each kind, made on the server so that every client prints the same. Pure."""

from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.tables import core as core_tables
from control_plane.api.tables import workloads
from control_plane.api.tables.columns import Columns, age
from knarr.api.kinds import Kind
from knarr.proto.services import object_service_pb2 as wire

GENERAL = Columns("Name", (("Age", 0, "age"),), lambda obj: [age(metadata(obj))])

COLUMNS: dict[str, Columns] = {
    "Namespace": core_tables.NAMESPACES,
    "Node": core_tables.NODES,
    "Pod": workloads.PODS,
    "Service": core_tables.SERVICES,
    "ConfigMap": core_tables.CONFIG_MAPS,
    "Secret": core_tables.SECRETS,
    "Event": core_tables.EVENTS,
    "ReplicaSet": workloads.REPLICA_SETS,
    "Deployment": workloads.DEPLOYMENTS,
    "PriorityClass": core_tables.PRIORITY_CLASSES,
}


def table(kind: Kind, objects: Sequence[Message], *, header: bool = True) -> wire.Table:
    """The rows of objects of one kind; with `header`, the columns too."""
    columns = COLUMNS.get(kind.name, GENERAL)
    result = wire.Table()
    if header:
        result.columns.add(name=columns.first, format=columns.first_format)
        for name, priority, format_ in columns.rest:
            result.columns.add(name=name, priority=priority, format=format_)
    for obj in objects:
        own = metadata(obj)
        cells = columns.cells(obj)
        row = result.rows.add(cells=cells if columns.replaces_name else [own.name, *cells], labels=own.labels)
        reference = row.reference
        reference.api_version, reference.kind = kind.api_version, kind.name
        reference.namespace, reference.name = own.namespace, own.name
    return result

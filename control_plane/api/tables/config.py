"""Tables of configuration, services and events, as kubectl's."""

from control_plane.api.tables.columns import (
    AGE,
    AGED,
    INTEGER,
    NAME,
    NONE,
    WIDE,
    Column,
    Columns,
    age,
    pairs,
    timestamp,
)
from knarr.proto.kubernetes import core_v1_pb2 as core


def _external(service: core.Service) -> str:
    spec = service.spec
    if spec.type == "ExternalName":
        return spec.externalName or NONE
    found = list(spec.externalIPs)
    if spec.type == "LoadBalancer":
        found = [each.ip or each.hostname for each in service.status.loadBalancer.ingress] + found
        return ",".join(found) or "<pending>"
    return ",".join(found) or NONE


def _port(port: core.ServicePort) -> str:
    node_port = f":{port.nodePort}" if port.nodePort else ""
    return f"{port.port}{node_port}/{port.protocol or 'TCP'}"


def _service(service: core.Service) -> list[str]:
    spec = service.spec
    return [
        spec.type,
        spec.clusterIP or NONE,
        _external(service),
        ",".join(map(_port, spec.ports)) or NONE,
        age(service.metadata),
        pairs(spec.selector),
    ]


def _event(event: core.Event) -> list[str]:
    first = timestamp(event.firstTimestamp) or timestamp(event.eventTime) or age(event.metadata)
    last = timestamp(event.series.lastObservedTime) or timestamp(event.lastTimestamp) or first
    involved = event.involvedObject
    source = [event.source.component or event.reportingComponent]
    source.append(event.source.host or event.reportingInstance)
    return [
        last,
        event.type,
        event.reason,
        f"{involved.kind.lower()}/{involved.name}" if involved.name else involved.kind.lower(),
        involved.fieldPath,
        ", ".join(filter(None, source)),
        event.message.strip(),
        first,
        str(event.series.count or event.count or 1),
        event.metadata.name,
    ]


SERVICES = Columns(
    (
        NAME,
        Column("Type"),
        Column("Cluster-IP"),
        Column("External-IP"),
        Column("Port(s)"),
        AGED,
        Column("Selector", WIDE),
    ),
    _service,
)
CONFIG_MAPS = Columns(
    (NAME, Column("Data", 0, INTEGER), AGED),
    lambda found: [str(len(found.data) + len(found.binaryData)), age(found.metadata)],
)
SECRETS = Columns(
    (NAME, Column("Type"), Column("Data", 0, INTEGER), AGED),
    lambda found: [found.type, str(len(found.data)), age(found.metadata)],
)
EVENTS = Columns(
    (
        Column("Last Seen", 0, AGE),
        Column("Type"),
        Column("Reason"),
        Column("Object"),
        Column("Subobject", WIDE),
        Column("Source", WIDE),
        Column("Message"),
        Column("First Seen", WIDE, AGE),
        Column("Count", WIDE, INTEGER),
        Column("Name", WIDE),
    ),
    _event,
    named=False,
)

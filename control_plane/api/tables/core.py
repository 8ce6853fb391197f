"""Tables of namespaces, nodes, services, configuration, events and priority classes, as kubectl's."""

from control_plane.api.tables.columns import NONE, Columns, age, timestamp
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

ROLE_LABEL = "node-role.kubernetes.io/"


def _namespace(namespace: core.Namespace) -> list[str]:
    return [namespace.status.phase, age(namespace.metadata)]


def _node(node: core.Node) -> list[str]:
    ready = next((found for found in node.status.conditions if found.type == "Ready"), None)
    state = "Unknown" if ready is None else ("Ready" if ready.status == "True" else "NotReady")
    if node.spec.unschedulable:
        state += ",SchedulingDisabled"
    roles = ",".join(
        sorted(
            label.removeprefix(ROLE_LABEL) for label in node.metadata.labels if label.startswith(ROLE_LABEL)
        )
    )
    addresses = {address.type: address.address for address in node.status.addresses}
    info = node.status.nodeInfo
    return [
        state,
        ",".join(roles) or NONE,
        age(node.metadata),
        info.kubeletVersion,
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.osImage,
        info.kernelVersion,
        info.containerRuntimeVersion,
    ]


def _service(service: core.Service) -> list[str]:
    spec = service.spec
    ports = ",".join(
        f"{port.port}{f':{port.nodePort}' if port.nodePort else ''}/{port.protocol or 'TCP'}"
        for port in spec.ports
    )
    external = ",".join(spec.externalIPs) or (spec.externalName if spec.type == "ExternalName" else NONE)
    selector = ",".join(f"{key}={value}" for key, value in sorted(spec.selector.items()))
    return [
        spec.type,
        spec.clusterIP or NONE,
        external,
        ports or NONE,
        age(service.metadata),
        selector or NONE,
    ]


def _port(port: core.ServicePort) -> str:
    node_port = f":{port.nodePort}" if port.nodePort else ""
    return f"{port.port}{node_port}/{port.protocol or 'TCP'}"


def _event(event: core.Event) -> list[str]:
    last = timestamp(event.lastTimestamp) or timestamp(event.eventTime) or age(event.metadata)
    involved = f"{event.involvedObject.kind.lower()}/{event.involvedObject.name}"
    first = timestamp(event.firstTimestamp) or last
    source = event.source.component or event.reportingComponent
    host = f", {event.source.host}" if event.source.host else ""
    return [
        last,
        event.type,
        event.reason,
        involved,
        source + host,
        event.message.strip(),
        first,
        str(event.count or 1),
        event.metadata.name,
    ]


def _priority_class(found: scheduling.PriorityClass) -> list[str]:
    default = "true" if found.globalDefault else "false"
    return [str(found.value), default, age(found.metadata), found.preemptionPolicy]


NAMESPACES = Columns("Name", (("Status", 0, ""), ("Age", 0, "age")), _namespace)
NODES = Columns(
    "Name",
    (
        ("Status", 0, ""),
        ("Roles", 0, ""),
        ("Age", 0, "age"),
        ("Version", 0, ""),
        ("Internal-IP", 1, ""),
        ("External-IP", 1, ""),
        ("OS-Image", 1, ""),
        ("Kernel-Version", 1, ""),
        ("Container-Runtime", 1, ""),
    ),
    _node,
)
SERVICES = Columns(
    "Name",
    (
        ("Type", 0, ""),
        ("Cluster-IP", 0, ""),
        ("External-IP", 0, ""),
        ("Port(s)", 0, ""),
        ("Age", 0, "age"),
        ("Selector", 1, ""),
    ),
    _service,
)
CONFIG_MAPS = Columns(
    "Name",
    (("Data", 0, "integer"), ("Age", 0, "age")),
    lambda found: [str(len(found.data) + len(found.binaryData)), age(found.metadata)],
)
SECRETS = Columns(
    "Name",
    (("Type", 0, ""), ("Data", 0, "integer"), ("Age", 0, "age")),
    lambda found: [found.type, str(len(found.data)), age(found.metadata)],
)
EVENTS = Columns(
    "Last Seen",
    (
        ("Type", 0, ""),
        ("Reason", 0, ""),
        ("Object", 0, ""),
        ("Source", 1, ""),
        ("Message", 0, ""),
        ("First Seen", 1, "age"),
        ("Count", 1, "integer"),
        ("Name", 1, ""),
    ),
    _event,
    replaces_name=True,
    first_format="age",
)
PRIORITY_CLASSES = Columns(
    "Name",
    (("Value", 0, "integer"), ("Global-Default", 0, ""), ("Age", 0, "age"), ("PreemptionPolicy", 0, "")),
    _priority_class,
)

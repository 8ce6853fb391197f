"""Tables of namespaces, nodes, priority classes and leases, as kubectl's."""

from control_plane.api.tables.columns import AGED, INTEGER, NAME, NONE, UNKNOWN, WIDE, Column, Columns, age
from knarr.api.conditions import condition_of
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def node_state(node: core.Node) -> str:
    """Ready, NotReady or Unknown, and SchedulingDisabled where it is cordoned."""
    ready = condition_of(node.status.conditions, "Ready")
    state = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{state},SchedulingDisabled" if node.spec.unschedulable else state


def _roles(node: core.Node) -> str:
    labels = node.metadata.labels
    roles = {label.removeprefix(ROLE_PREFIX) for label in labels if label.startswith(ROLE_PREFIX)}
    roles |= {labels[ROLE_LABEL]} if ROLE_LABEL in labels else set()
    return ",".join(sorted(roles - {""})) or NONE


def _node(node: core.Node) -> list[str]:
    addresses: dict[str, str] = {}
    for address in node.status.addresses:
        addresses.setdefault(address.type, address.address)
    info = node.status.nodeInfo
    return [
        node_state(node),
        _roles(node),
        age(node.metadata),
        info.kubeletVersion,
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.osImage or UNKNOWN,
        info.kernelVersion or UNKNOWN,
        info.containerRuntimeVersion or UNKNOWN,
    ]


def _priority_class(found: scheduling.PriorityClass) -> list[str]:
    default = "true" if found.globalDefault else "false"
    return [str(found.value), default, age(found.metadata), found.preemptionPolicy]


NAMESPACES = Columns(
    (NAME, Column("Status"), AGED),
    lambda namespace: [namespace.status.phase, age(namespace.metadata)],
)
NODES = Columns(
    (
        NAME,
        Column("Status"),
        Column("Roles"),
        AGED,
        Column("Version"),
        Column("Internal-IP", WIDE),
        Column("External-IP", WIDE),
        Column("OS-Image", WIDE),
        Column("Kernel-Version", WIDE),
        Column("Container-Runtime", WIDE),
    ),
    _node,
)
PRIORITY_CLASSES = Columns(
    (
        NAME,
        Column("Value", 0, INTEGER),
        Column("Global-Default"),
        AGED,
        Column("PreemptionPolicy"),
    ),
    _priority_class,
)
LEASES = Columns(
    (NAME, Column("Holder"), AGED), lambda lease: [lease.spec.holderIdentity, age(lease.metadata)]
)

"""How much of each quota's resources one object uses. Pure.

A function of the object alone: what it is charged when it is made is what it gives back when it goes.
Source: kubernetes.io/docs/concepts/policy/resource-quotas and Kubernetes' pkg/quota/v1/evaluator/core.
"""

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import Message

from control_plane.api.refusals import resource
from control_plane.api.rules.resources import is_extended, is_huge_pages
from knarr.api.kinds import EVENT, Kind
from knarr.api.pod_amounts import Amounts, exact, pod_total
from knarr.api.pods import is_finished
from knarr.api.quantity import NANOS, Quantity
from knarr.proto.kubernetes import core_v1_pb2 as core

ONE: Final = Quantity(NANOS)
ZERO: Final = Quantity(0)
UNCOUNTED: Final = frozenset({EVENT.name})
# Resources counted by their bare names too.
_BY_NAME: Final = frozenset(
    {
        "configmaps",
        "persistentvolumeclaims",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
    }
)
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
# Where a quota has one of these, each container of its pods says how much.
REQUIRED: Final = frozenset(
    {"cpu", "memory", *(f"{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory"))}
)
_STORAGE_CLASS: Final = ".storageclass.storage.k8s.io/"
_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"


def usage_of(kind: Kind, obj: Message) -> Amounts:
    """By the names that quotas have for it."""
    if kind.name in UNCOUNTED:
        return {}
    found = {f"count/{resource(kind)}": ONE}
    if not kind.group and kind.plural in _BY_NAME:
        found[kind.plural] = ONE
    if isinstance(obj, core.Pod):
        _add_pod(found, obj)
    elif isinstance(obj, core.Service):
        _add_service(found, obj.spec)
    elif isinstance(obj, core.PersistentVolumeClaim):
        _add_claim(found, obj)
    return found


def may_count(kind: Kind, hard: Iterable[str]) -> bool:
    """Whether objects of the kind can use any of these."""
    if kind.name in UNCOUNTED:
        return False
    own = {f"count/{resource(kind)}"}
    if not kind.group and kind.plural in _BY_NAME:
        own.add(kind.plural)
    return any(name in own or _may_use(kind, name) for name in hard)


def _may_use(kind: Kind, name: str) -> bool:
    claimed = name == "requests.storage" or _STORAGE_CLASS in name
    match kind.name:
        case "Pod":
            return not claimed and not name.startswith(("count/", "services")) and name not in _BY_NAME
        case "Service":
            return name.startswith("services")
        case "PersistentVolumeClaim":
            return claimed
    return False


def _add_pod(found: Amounts, pod: core.Pod) -> None:
    """A pod that has ended uses nothing but its place in the store."""
    if is_finished(pod):
        return
    found["pods"] = ONE
    _add_computed(found, pod_total(pod.spec, "requests", exact), pod_total(pod.spec, "limits", exact))


def _add_computed(found: Amounts, requests: Amounts, limits: Amounts) -> None:
    for name, amount in requests.items():
        if name in _COMPUTE or is_huge_pages(name):
            found[name] = found[f"requests.{name}"] = amount
        elif is_extended(name):
            found[f"requests.{name}"] = amount
    for name in _COMPUTE:
        if name in limits:
            found[f"limits.{name}"] = limits[name]


def _add_service(found: Amounts, spec: core.ServiceSpec) -> None:
    if spec.type == "LoadBalancer":
        found["services.loadbalancers"] = ONE
    if spec.type == "LoadBalancer" and not spec.allocateLoadBalancerNodePorts:
        ports = sum(1 for port in spec.ports if port.nodePort)
    elif spec.type in ("LoadBalancer", "NodePort"):
        ports = len(spec.ports)
    else:
        ports = 0
    if ports:
        found["services.nodeports"] = ONE * ports


def _add_claim(found: Amounts, claim: core.PersistentVolumeClaim) -> None:
    storage = exact(claim.spec.resources.requests).get("storage", ZERO)
    found["requests.storage"] = storage
    name = claim.metadata.annotations.get(_CLASS_ANNOTATION, "") or claim.spec.storageClassName
    if name:
        found[f"{name}{_STORAGE_CLASS}requests.storage"] = storage
        found[f"{name}{_STORAGE_CLASS}persistentvolumeclaims"] = ONE


def unspecified(pod: core.Pod, hard: Iterable[str]) -> str:
    """What containers must say because a quota counts it, and do not; "" when nothing is missing."""
    required = REQUIRED.intersection(hard)
    missing: dict[str, set[str]] = {}
    for container in (*pod.spec.containers, *pod.spec.initContainers):
        said: Amounts = {}
        _add_computed(said, exact(container.resources.requests), exact(container.resources.limits))
        for name in required.difference(said):
            missing.setdefault(name, set()).add(container.name)
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))

"""Tables of pods, replica sets and deployments, as kubectl's."""

from collections.abc import Sequence

from control_plane.api.tables.columns import NONE, Columns, age
from knarr.api.selectors import from_message
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core


def pod_status(pod: core.Pod) -> str:
    """The word of the STATUS column: the reason that matters most, as kubectl chooses it."""
    init = _init_status(pod)
    reason = init or _container_status(pod)
    if pod.metadata.HasField("deletionTimestamp"):
        return "Unknown" if pod.status.reason == "NodeLost" else "Terminating"
    return reason


def _init_status(pod: core.Pod) -> str:
    total = len(pod.spec.initContainers)
    if pod.status.phase in ("Succeeded", "Failed"):
        return ""
    for number, status in enumerate(pod.status.initContainerStatuses):
        state = status.state
        if state.HasField("terminated") and state.terminated.exitCode == 0:
            continue
        if state.HasField("terminated"):
            return f"Init:{_ended(state.terminated)}"
        if state.HasField("waiting") and state.waiting.reason not in ("", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{number}/{total}"
    return ""


def _container_status(pod: core.Pod) -> str:
    reason = pod.status.reason or pod.status.phase or "Pending"
    has_running = False
    for status in reversed(pod.status.containerStatuses):
        state = status.state
        if state.HasField("waiting") and state.waiting.reason:
            reason = state.waiting.reason
        elif state.HasField("terminated"):
            reason = _ended(state.terminated)
        elif status.ready and state.HasField("running"):
            has_running = True
    if reason == "Completed" and has_running:
        ready = any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions)
        return "Running" if ready else "NotReady"
    return reason


def _ended(ended: core.ContainerStateTerminated) -> str:
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exitCode}"


def _pod(pod: core.Pod) -> list[str]:
    statuses = pod.status.containerStatuses
    ready = sum(status.ready and status.state.HasField("running") for status in statuses)
    restarts = sum(status.restartCount for status in statuses)
    gates = len(pod.spec.readinessGates)
    return [
        f"{ready}/{len(pod.spec.containers)}",
        pod_status(pod),
        str(restarts),
        age(pod.metadata),
        pod.status.podIP or NONE,
        pod.spec.nodeName or NONE,
        pod.status.nominatedNodeName or NONE,
        f"0/{gates}" if gates else NONE,
    ]


def _images(spec: core.PodSpec) -> list[str]:
    return [
        _joined([container.name for container in spec.containers]),
        _joined([container.image for container in spec.containers]),
    ]


def _joined(values: Sequence[str]) -> str:
    return ",".join(values) or NONE


def _deployment(found: apps.Deployment) -> list[str]:
    status = found.status
    return [
        f"{status.readyReplicas}/{found.spec.replicas}",
        str(status.updatedReplicas),
        str(status.availableReplicas),
        age(found.metadata),
        *_images(found.spec.template.spec),
        str(from_message(found.spec.selector)) or NONE,
    ]


def _replica_set(found: apps.ReplicaSet) -> list[str]:
    return [
        str(found.spec.replicas),
        str(found.status.replicas),
        str(found.status.readyReplicas),
        age(found.metadata),
        *_images(found.spec.template.spec),
        str(from_message(found.spec.selector)) or NONE,
    ]


PODS = Columns(
    "Name",
    (
        ("Ready", 0, ""),
        ("Status", 0, ""),
        ("Restarts", 0, "integer"),
        ("Age", 0, "age"),
        ("IP", 1, ""),
        ("Node", 1, ""),
        ("Nominated Node", 1, ""),
        ("Readiness Gates", 1, ""),
    ),
    _pod,
)
DEPLOYMENTS = Columns(
    "Name",
    (
        ("Ready", 0, ""),
        ("Up-to-date", 0, "integer"),
        ("Available", 0, "integer"),
        ("Age", 0, "age"),
        ("Containers", 1, ""),
        ("Images", 1, ""),
        ("Selector", 1, ""),
    ),
    _deployment,
)
REPLICA_SETS = Columns(
    "Name",
    (
        ("Desired", 0, "integer"),
        ("Current", 0, "integer"),
        ("Ready", 0, "integer"),
        ("Age", 0, "age"),
        ("Containers", 1, ""),
        ("Images", 1, ""),
        ("Selector", 1, ""),
    ),
    _replica_set,
)

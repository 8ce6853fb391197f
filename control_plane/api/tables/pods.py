"""The table of pods, with kubectl's word for what state a pod is in."""

from collections.abc import Iterator

from control_plane.api.tables.columns import (
    AGED,
    AGES,
    NAME,
    NONE,
    WIDE,
    Column,
    Columns,
    age,
    timestamp,
)
from knarr.api.conditions import holds
from knarr.api.pods import is_finished, sidecars
from knarr.proto.kubernetes import core_v1_pb2 as core


def pod_status(pod: core.Pod) -> str:
    """The word of the STATUS column: the reason that matters most, as kubectl chooses it."""
    reason = _init_reason(pod)
    if not reason or holds(pod.status.conditions, "Initialized"):
        reason = _reason(pod)
    if pod.metadata.HasField("deletionTimestamp"):
        if pod.status.reason == "NodeLost":
            return "Unknown"
        if not is_finished(pod):
            return "Terminating"
    return reason


def _init_reason(pod: core.Pod) -> str:
    """What initialisation waits for; empty when it does not."""
    lasting = sidecars(pod)
    for number, status in enumerate(pod.status.initContainerStatuses):
        state = status.state
        if state.HasField("terminated") and not state.terminated.exitCode:
            continue
        if status.name in lasting and status.started:
            continue
        if state.HasField("terminated"):
            return f"Init:{_ended(state.terminated)}"
        if state.waiting.reason not in ("", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{number}/{len(pod.spec.initContainers)}"
    return ""


def _reason(pod: core.Pod) -> str:
    """What the containers say, the first of them last, and so most."""
    reason = pod.status.reason or pod.status.phase or "Pending"
    if any(
        each.type == "PodScheduled" and each.reason == "SchedulingGated" for each in pod.status.conditions
    ):
        reason = "SchedulingGated"
    running = False
    for status in reversed(pod.status.containerStatuses):
        state = status.state
        if state.waiting.reason:
            reason = state.waiting.reason
        elif state.HasField("terminated"):
            reason = _ended(state.terminated)
        elif status.ready and state.HasField("running"):
            running = True
    if reason == "Completed" and running:
        return "Running" if holds(pod.status.conditions, "Ready") else "NotReady"
    return reason


def _ended(ended: core.ContainerStateTerminated) -> str:
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exitCode}"


def ready_containers(pod: core.Pod) -> str:
    """ "1/2": how many containers, sidecars among them, are ready, of how many."""
    lasting = sidecars(pod)
    ready = sum(each.ready and each.state.HasField("running") for each in pod.status.containerStatuses) + sum(
        each.ready and each.name in lasting for each in pod.status.initContainerStatuses
    )
    return f"{ready}/{len(pod.spec.containers) + len(lasting)}"


def restarts(pod: core.Pod) -> str:
    """Of the containers, or, while it lasts, of the initialisation, and when the last was: "3 (… ago)"."""
    counted = list(_restarted(pod))
    count = sum(each.restartCount for each in counted)
    ended = [each.lastState.terminated.finishedAt for each in counted]
    last = timestamp(max(ended, key=lambda time: time.seconds)) if ended else ""
    return f"{count} ({last} ago)" if count and last else str(count)


def _restarted(pod: core.Pod) -> Iterator[core.ContainerStatus]:
    lasting = sidecars(pod)
    starting = bool(_init_reason(pod)) and not holds(pod.status.conditions, "Initialized")
    for each in pod.status.initContainerStatuses:
        if starting or each.name in lasting:
            yield each
    if not starting:
        yield from pod.status.containerStatuses


def _gates(pod: core.Pod) -> str:
    gates = pod.spec.readinessGates
    open_ = sum(holds(pod.status.conditions, gate.conditionType) for gate in gates)
    return f"{open_}/{len(gates)}" if gates else NONE


def _pod(pod: core.Pod) -> list[str]:
    addresses = [each.ip for each in pod.status.podIPs]
    return [
        ready_containers(pod),
        pod_status(pod),
        restarts(pod),
        age(pod.metadata),
        pod.status.podIP or (addresses[0] if addresses else NONE),
        pod.spec.nodeName or NONE,
        pod.status.nominatedNodeName or NONE,
        _gates(pod),
    ]


PODS = Columns(
    (
        NAME,
        Column("Ready"),
        Column("Status"),
        Column("Restarts", 0, AGES),
        AGED,
        Column("IP", WIDE),
        Column("Node", WIDE),
        Column("Nominated Node", WIDE),
        Column("Readiness Gates", WIDE),
    ),
    _pod,
)

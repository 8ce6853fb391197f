"""What is reported of a pod: phase, conditions and containers, as the kubelet reports them. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Iterable

from knarr.api.pods import FINISHED
from knarr.api.qos import qos_class
from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import backoff
from node_agent.pods.decide import SETTLE_S
from node_agent.pods.desired import DesiredContainer, DesiredPod, RestartPolicy
from node_agent.pods.facts import NodeFacts
from node_agent.pods.history import SANDBOX, History
from node_agent.pods.view import View
from node_agent.runtime.interface import ContainerState, Phase, Role

_OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def status(
    pod: core.Pod,
    wanted: DesiredPod,
    observed: Iterable[ContainerState],
    history: History,
    node: NodeFacts,
    now: float,
) -> core.PodStatus:
    """The pod's status; `pod.status` is what was reported before: its times of transition and the conditions
    of others (PodScheduled, …) are kept."""
    view = View.of(observed, history)
    made = core.PodStatus(hostIP=node.ip, qosClass=pod.status.qosClass or qos_class(pod.spec))
    made.hostIPs.add(ip=node.ip)
    made.startTime.CopyFrom(
        pod.status.startTime if pod.status.HasField("startTime") else timestamp(history.started_at)
    )
    sandbox = view.sandbox
    ip = node.ip if pod.spec.hostNetwork else (sandbox.ip if sandbox is not None else "")
    if ip:
        made.podIP = ip
        made.podIPs.add(ip=ip)
    before = {s.name: s for s in (*pod.status.initContainerStatuses, *pod.status.containerStatuses)}
    for container in wanted.containers:
        statuses = made.initContainerStatuses if container.role is Role.INIT else made.containerStatuses
        statuses.append(_container(wanted, container, view, before.get(container.name), now))
    # A pod that has ended stays as it ended, whoever decided that and however its containers took it.
    made.phase = pod.status.phase if wanted.finished else _phase(wanted, view, made)
    if history.ended is not None:
        made.reason, made.message = history.ended.reason, history.ended.message
    elif wanted.finished:
        made.reason, made.message = pod.status.reason, pod.status.message
    _conditions(pod, wanted, view, made, now)
    made.observedGeneration = pod.metadata.generation
    return made


def merged(own: core.PodStatus, received: core.PodStatus) -> core.PodStatus:
    """Our own newest status with what others write: their conditions, and an end that they have decided."""
    made = core.PodStatus()
    made.CopyFrom(own)
    del made.conditions[:]
    made.conditions.extend(c for c in own.conditions if c.type in _OWN_CONDITIONS)
    made.conditions.extend(c for c in received.conditions if c.type not in _OWN_CONDITIONS)
    if received.phase in FINISHED and own.phase not in FINISHED:
        made.phase, made.reason, made.message = received.phase, received.reason, received.message
    return made


# Containers


def _container(
    pod: DesiredPod,
    container: DesiredContainer,
    view: View,
    before: core.ContainerStatus | None,
    now: float,
) -> core.ContainerStatus:
    found = view.newest(container.name)
    made = core.ContainerStatus(name=container.name, image=container.image)
    made.restartCount = max(0, view.next_attempt(pod, container.name) - 1)
    running = found is not None and found.phase is Phase.RUNNING
    if found is not None and found.phase is not Phase.CREATED:
        made.image, made.imageID, made.containerID = found.image, found.image_id, container_id(found)
    if found is not None and running:
        made.state.running.startedAt.CopyFrom(timestamp(found.started_at))
    else:
        _set_ended(made, pod, container, view, before, now)
    previous = _previous(container.name, view)
    if previous is not None and not made.state.HasField("terminated"):
        made.lastState.terminated.CopyFrom(terminated(previous))
    elif before is not None and not made.state.HasField("terminated") and before.HasField("lastState"):
        made.lastState.CopyFrom(before.lastState)
    made.started = found is not None and running and view.passed_startup(container, found)
    made.ready = _is_ready(container, found, view)
    return made


def _is_ready(container: DesiredContainer, found: ContainerState | None, view: View) -> bool:
    if found is None:
        return False
    if container.role is Role.INIT and not container.sidecar:
        return found.phase is Phase.EXITED and found.exit_code == 0
    return view.passed_startup(container, found) and (
        not container.readiness_probe or found.id in view.history.ready
    )


def _set_ended(
    made: core.ContainerStatus,
    pod: DesiredPod,
    container: DesiredContainer,
    view: View,
    before: core.ContainerStatus | None,
    now: float,
) -> None:
    """The state of a container that does not run: waiting for something, or ended for good."""
    over = pod.deleted or pod.finished or view.history.ended is not None
    ended = view.last_end(container.name)
    if over or view.done(pod, container):
        if ended is not None:
            made.state.terminated.CopyFrom(terminated(ended))
            return
        if before is not None and before.state.HasField("terminated"):
            made.CopyFrom(before)
            return
        if before is not None and before.state.HasField("running"):
            lost = made.state.terminated
            lost.exitCode, lost.reason = 137, "ContainerStatusUnknown"
            lost.message = "The container could not be located when the pod was terminated"
            return
    reason, message = _waiting(pod, container, view, ended, now)
    made.state.waiting.reason, made.state.waiting.message = reason, message


def _waiting(
    pod: DesiredPod, container: DesiredContainer, view: View, ended: ContainerState | None, now: float
) -> tuple[str, str]:
    failure = view.history.failures.get(container.name)
    if failure is not None:
        if failure.reason in ("ErrImagePull", "ImagePullBackOff") and now >= failure.failed_at + SETTLE_S:
            return (
                "ImagePullBackOff",
                f'Back-off pulling image "{container.image}": {failure.reason}: {failure.message}',
            )
        return failure.reason, failure.message
    if ended is not None and now < backoff.restart_at(ended) and ended.id not in view.history.replaced:
        delay = int(backoff.delay_s(ended))
        return (
            "CrashLoopBackOff",
            f"back-off {_duration(delay)} restarting failed container={container.name} "
            f"pod={pod.ref.name}_{pod.ref.namespace}({pod.ref.uid})",
        )
    if container.role is Role.MEMBER and pod.inits and not view.initialised(pod):
        return "PodInitializing", ""
    if container.role is Role.INIT and container is not pod.inits[0] and view.current(container.name) is None:
        return "PodInitializing", ""
    sandbox = view.history.failures.get(SANDBOX)
    return "ContainerCreating", sandbox.message if sandbox is not None else ""


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _previous(name: str, view: View) -> ContainerState | None:
    """The run whose end is shown as lastState."""
    newest = view.newest(name)
    remembered = view.history.exits.get(name)
    if newest is None:
        return remembered
    if newest.phase is Phase.EXITED:
        return newest
    ended = [s for s in view.by_name[name] if s.phase is Phase.EXITED]
    return ended[0] if ended else remembered


def container_id(state: ContainerState) -> str:
    """As status shows it, with the runtime's scheme."""
    return f"docker://{state.id}"


def terminated(state: ContainerState) -> core.ContainerStateTerminated:
    """How a container ended, in Kubernetes' words."""
    made = core.ContainerStateTerminated(exitCode=state.exit_code, containerID=container_id(state))
    made.startedAt.CopyFrom(timestamp(state.started_at))
    made.finishedAt.CopyFrom(timestamp(state.finished_at))
    if state.oom_killed:
        made.reason = "OOMKilled"
    elif state.error:
        made.reason, made.message = "StartError", state.error
    else:
        made.reason = "Completed" if state.exit_code == 0 else "Error"
    return made


# Phase


def _phase(pod: DesiredPod, view: View, made: core.PodStatus) -> str:
    """https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase"""
    if view.history.ended is not None:
        return "Failed"
    members = [view.last_end(container.name) for container in pod.members]
    if _init_failed(pod, view):
        return "Failed"
    waiting = [s for s in made.containerStatuses if s.state.HasField("waiting")]
    done = [s for s in made.containerStatuses if s.state.HasField("terminated")]
    if len(done) == len(made.containerStatuses):
        if _all_over(pod, view):
            failed = any(s.state.terminated.exitCode for s in done)
            return "Failed" if failed else "Succeeded"
        return "Running"
    started = any(
        s.state.HasField("running") or s.state.HasField("terminated") for s in made.containerStatuses
    )
    unstarted = [s for s in waiting if not s.lastState.HasField("terminated")]
    if not view.initialised(pod) and not started and not any(members):
        return "Pending"
    return "Pending" if unstarted else "Running"


def _all_over(pod: DesiredPod, view: View) -> bool:
    """Whether members that have all ended stay so: the policy says so, or the pod was told to go."""
    return pod.deleted or pod.finished or all(view.done(pod, member) for member in pod.members)


def _init_failed(pod: DesiredPod, view: View) -> bool:
    if pod.restart is not RestartPolicy.NEVER:
        return False
    ends = [view.last_end(c.name) for c in pod.inits if not c.sidecar]
    return not view.initialised(pod) and any(end is not None and end.exit_code != 0 for end in ends)


# Conditions


def _conditions(pod: core.Pod, wanted: DesiredPod, view: View, made: core.PodStatus, now: float) -> None:
    over = made.phase in FINISHED
    unready = [s.name for s in made.containerStatuses if not s.ready]
    if over:
        reason, message = ("PodCompleted" if made.phase == "Succeeded" else "PodFailed"), ""
    else:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    containers_ready = not unready and not over
    gates = _gates(pod)
    sandboxed = view.live_sandbox is not None
    initialised = view.initialised(wanted) or made.phase == "Succeeded"
    pending = [s.name for s in made.initContainerStatuses if not s.ready]
    init_message = f"containers with incomplete status: [{' '.join(pending)}]"
    found: list[tuple[str, bool, str, str]] = [
        ("PodReadyToStartContainers", sandboxed, "", ""),
        ("Initialized", initialised, "" if initialised else "ContainersNotInitialized", init_message),
        ("ContainersReady", containers_ready, reason, message),
        (
            "Ready",
            containers_ready and not gates,
            reason if not containers_ready else "ReadinessGatesNotReady",
            message if not containers_ready else gates,
        ),
    ]
    old = {condition.type: condition for condition in pod.status.conditions}
    for kind, holds, why, text in found:
        condition = made.conditions.add(type=kind, status="True" if holds else "False")
        condition.observedGeneration = pod.metadata.generation
        if not holds:
            condition.reason, condition.message = why, text
        if kind in old and old[kind].status == condition.status:
            condition.lastTransitionTime.CopyFrom(old[kind].lastTransitionTime)
        else:
            condition.lastTransitionTime.CopyFrom(timestamp(now))
    for kind, condition in old.items():
        if kind not in _OWN_CONDITIONS:
            made.conditions.append(condition)


def _gates(pod: core.Pod) -> str:
    """What the pod's readiness gates lack, "" for nothing."""
    held = {c.type for c in pod.status.conditions if c.status == "True"}
    missing = [gate.conditionType for gate in pod.spec.readinessGates if gate.conditionType not in held]
    return " ".join(f'corresponding condition of pod readiness gate "{m}" is not True' for m in missing)

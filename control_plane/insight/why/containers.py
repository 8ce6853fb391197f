"""What is wrong with the containers of a pod that has a node. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from control_plane.insight.why.sentences import exit_text, times
from knarr.api.pods import sidecars
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

_HARMLESS = ("", "ContainerCreating", "PodInitializing")
CRASH_LOOP = "CrashLoopBackOff"
_WAITS_FOR_CLAIM = 'waiting until persistentvolumeclaim "'  # what the agent says first
_PROBE_EVENT = "Unhealthy"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A container that is not as it should be, and the sentence about it."""

    verdict: wire.Verdict.ValueType
    sentence: str
    container: wire.ContainerTrouble
    remedy: str = ""


def troubles(pod: core.Pod, events: Sequence[core.Event]) -> list[Trouble]:
    """What keeps the pod from being ready, in the order of its containers; [] when nothing does yet."""
    always = sidecars(pod)
    found: list[Trouble] = []
    for init, statuses in ((True, pod.status.initContainerStatuses), (False, pod.status.containerStatuses)):
        for status in statuses:
            found += _trouble(pod, status, events, init=init, lasting=not init or status.name in always)
    return found


def _trouble(
    pod: core.Pod, status: core.ContainerStatus, events: Sequence[core.Event], *, init: bool, lasting: bool
) -> Iterator[Trouble]:
    state = status.state
    if state.HasField("waiting") and (state.waiting.reason not in _HARMLESS or state.waiting.message):
        if state.waiting.reason == CRASH_LOOP:
            yield _crashing(pod, status, init, events)
        else:
            yield _not_started(pod, status, init)
    elif state.HasField("terminated"):
        if state.terminated.exitCode or (lasting and pod.spec.restartPolicy == "Always"):
            yield _ended(status, init)
    elif state.HasField("running") and not status.ready and lasting:
        yield _not_ready(pod, status, init, events)


def _base(status: core.ContainerStatus, init: bool) -> wire.ContainerTrouble:
    made = wire.ContainerTrouble(name=status.name, init=init, restarts=status.restartCount)
    state = status.state
    if state.HasField("waiting"):
        made.state, made.reason, made.message = "Waiting", state.waiting.reason, state.waiting.message
    elif state.HasField("terminated"):
        made.state, made.reason = "Terminated", state.terminated.reason
        made.message = state.terminated.message
        _set_exit(made, state.terminated)
    else:
        made.state = "Running"
    if not made.HasField("exit_code") and status.lastState.HasField("terminated"):
        _set_exit(made, status.lastState.terminated)
    return made


def _set_exit(made: wire.ContainerTrouble, ended: core.ContainerStateTerminated) -> None:
    made.exit_code, made.exit_reason = ended.exitCode, ended.reason


def _called(container: wire.ContainerTrouble) -> str:
    return f"{'init container' if container.init else 'container'} {container.name}"


def _not_started(pod: core.Pod, status: core.ContainerStatus, init: bool) -> Trouble:
    made = _base(status, init)
    said = f": {made.message}" if made.message else ""
    what, remedy = "cannot be started", ""
    match made.reason:
        case "ErrImagePull" | "ImagePullBackOff":
            what = f"has no image: {status.image or _image(pod, status.name)} cannot be pulled"
            remedy = "check the image's name and tag, and that the node can reach its registry"
        case "ErrImageNeverPull":
            what = f"has no image: {status.image or _image(pod, status.name)} is not on the node"
            remedy = "load the image on the node, or let imagePullPolicy be IfNotPresent"
        case "InvalidImageName":
            what = f"names an image that cannot be: {status.image or _image(pod, status.name)}"
            remedy = "correct the image's name"
        case "CreateContainerConfigError":
            what = "cannot be made from its spec"
            remedy = "create what it names, or mark the reference as optional"
            if made.message.startswith(_WAITS_FOR_CLAIM):
                what, claim = "waits for a volume", made.message.removeprefix(_WAITS_FOR_CLAIM).split('"')[0]
                remedy = f"knarr why pvc/{claim} -n {pod.metadata.namespace} says what the claim lacks"
    sentence = f"{_called(made)} {what} ({made.reason}){said}"
    return Trouble(wire.NOT_STARTED, sentence, made, remedy)


def _image(pod: core.Pod, name: str) -> str:
    among = (*pod.spec.initContainers, *pod.spec.containers)
    return next((container.image for container in among if container.name == name), "")


def _crashing(
    pod: core.Pod, status: core.ContainerStatus, init: bool, events: Sequence[core.Event]
) -> Trouble:
    made = _base(status, init)
    made.log = wire.ContainerTrouble.PREVIOUS
    liveness = _probe(events, made.name, ("Liveness", "Startup"))
    made.probe = liveness
    how = f"its last run ended with {exit_text(made.exit_code, made.exit_reason)}"
    remedy = ""
    if made.exit_reason == "OOMKilled":
        remedy = f"raise the memory limit of {_called(made)}, or have it use less"
    elif made.exit_code == 0:
        how += ", as if its work were done"
        remedy = f"{_called(made)} should not end by itself; what is meant to end belongs into a Job"
    elif liveness and made.exit_code in (137, 143):
        how += f"; {liveness}"
        remedy = "mend what the probe asks for, or give it more time"
    sentence = f"{_called(made)} ends again and again (restarted {times(made.restarts)}): {how}"
    return Trouble(wire.CRASHING, sentence, made, remedy)


def _ended(status: core.ContainerStatus, init: bool) -> Trouble:
    made = _base(status, init)
    made.log = wire.ContainerTrouble.CURRENT
    said = f": {made.message}" if made.message else ""
    sentence = f"{_called(made)} ended with {exit_text(made.exit_code, made.exit_reason)}{said}"
    return Trouble(wire.CRASHING, sentence, made)


def _not_ready(
    pod: core.Pod, status: core.ContainerStatus, init: bool, events: Sequence[core.Event]
) -> Trouble:
    made = _base(status, init)
    spec = next(one for one in (*pod.spec.initContainers, *pod.spec.containers) if one.name == status.name)
    starting = spec.HasField("startupProbe") and not status.started
    kind = "Startup" if starting else "Readiness"
    made.probe = _probe(events, made.name, (kind,))
    made.log = wire.ContainerTrouble.CURRENT
    said = f": {made.probe}" if made.probe else f", as its {kind.lower()} probe has not succeeded yet"
    what = "runs but has not started up" if starting else "runs but is not ready"
    after = f"; it was restarted {times(made.restarts)} before" if made.restarts else ""
    return Trouble(wire.NOT_READY, f"{_called(made)} {what}{said}{after}", made)


def _probe(events: Sequence[core.Event], container: str, kinds: tuple[str, ...]) -> str:
    """What the newest failed probe of these kinds said."""
    path = f"{{{container}}}"
    for event in events:
        about = event.involvedObject.fieldPath
        ours = not about or about.endswith(path)
        if ours and event.reason == _PROBE_EVENT and event.message.startswith(kinds):
            return event.message
    return ""

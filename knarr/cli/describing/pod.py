"""The description of a pod."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.codec import to_dict
from knarr.api.int_or_string import text_of
from knarr.cli.decisions.environment import value_text
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import core_v1_pb2 as core


def describe(text: Text, obj: core.Pod, related: Sequence[Message]) -> None:
    """Where it is, what its containers do, and what it asks for."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Node", spec.nodeName)
    text.time("Started", status.startTime)
    text.field("Status", "Terminating" if obj.metadata.HasField("deletionTimestamp") else status.phase)
    if status.reason:
        text.field("Reason", status.reason)
    if status.message:
        text.field("Message", status.message)
    text.field("IP", status.podIP)
    text.field("Priority", spec.priority)
    text.field("QoS class", status.qosClass)
    if spec.initContainers:
        containers(text, "Init containers", spec.initContainers, status.initContainerStatuses)
    containers(text, "Containers", spec.containers, status.containerStatuses)
    text.conditions(status.conditions)
    rows = [_volume(volume) for volume in spec.volumes]
    text.table("Volumes", ("NAME", "KIND", "OF"), rows)
    text.mapping("Node selector", spec.nodeSelector)
    text.listing("Tolerations", [toleration_text(found) for found in spec.tolerations])


def _volume(volume: core.Volume) -> tuple[str, str, str]:
    source = to_dict(volume.volumeSource)
    kind = next(iter(source), "emptyDir")
    inner = source.get(kind) or {}
    return volume.name, kind, ", ".join(f"{key}={value}" for key, value in inner.items()) or "-"


def containers(
    text: Text, label: str, found: Sequence[core.Container], statuses: Sequence[core.ContainerStatus]
) -> None:
    """Each container: what it shall be, and what it is."""
    by_name = {status.name: status for status in statuses}
    with text.block(label):
        for container in found:
            with text.block(container.name):
                _container(text, container, by_name.get(container.name))


def _container(text: Text, container: core.Container, status: core.ContainerStatus | None) -> None:
    text.field("Image", container.image)
    if status is not None and status.containerID:
        text.field("Container ID", status.containerID)
        text.field("Image ID", status.imageID)
    text.field("Ports", ", ".join(port_text(port) for port in container.ports))
    if container.command:
        text.field("Command", " ".join(container.command))
    if container.args:
        text.field("Args", " ".join(container.args))
    if status is not None:
        _state(text, "State", status.state)
        if status.lastState.ByteSize():
            _state(text, "Last state", status.lastState)
        text.field("Ready", status.ready)
        text.field("Restarts", status.restartCount)
    for label, amounts in (
        ("Limits", container.resources.limits),
        ("Requests", container.resources.requests),
    ):
        if amounts:
            text.mapping(label, {name: amount.string for name, amount in amounts.items()})
    for label, probe in (
        ("Liveness", container.livenessProbe),
        ("Readiness", container.readinessProbe),
        ("Startup", container.startupProbe),
    ):
        if probe.ByteSize():
            text.field(label, probe_text(probe))
    text.listing("Environment", [f"{found.name}: {value_text(found)}" for found in container.env])
    text.listing("Mounts", [f"{mount.mountPath} from {mount.name}" for mount in container.volumeMounts])


def _state(text: Text, label: str, state: core.ContainerState) -> None:
    if state.HasField("running"):
        text.field(label, f"Running since {text.when(state.running.startedAt)}")
    elif state.HasField("terminated"):
        ended = state.terminated
        detail = f" by signal {ended.signal}" if ended.signal else ""
        text.field(label, f"Terminated: {ended.reason}, exit code {ended.exitCode}{detail}")
        if ended.message:
            text.field(f"{label} message", ended.message)
        text.field(f"{label} ended", text.when(ended.finishedAt))
    else:
        waiting = state.waiting
        detail = f": {waiting.message}" if waiting.message else ""
        text.field(label, f"Waiting: {waiting.reason or 'ContainerCreating'}{detail}")


def port_text(port: core.ContainerPort) -> str:
    """ "80/TCP (http), published at 8080"."""
    text = f"{port.containerPort}/{port.protocol or 'TCP'}"
    if port.name:
        text += f" ({port.name})"
    if port.hostPort:
        text += f", published at {port.hostIP + ':' if port.hostIP else ''}{port.hostPort}"
    return text


def probe_text(probe: core.Probe) -> str:
    """What is asked, and how often."""
    handler = probe.handler
    if handler.HasField("exec"):
        how = f"exec {' '.join(handler.exec.command)}"
    elif handler.HasField("httpGet"):
        port = handler.httpGet.port
        scheme = handler.httpGet.scheme.lower() or "http"
        how = f"http-get {scheme}://:{text_of(port)}{handler.httpGet.path}"
    else:
        how = f"tcp-socket :{text_of(handler.tcpSocket.port)}"
    return (
        f"{how} delay={probe.initialDelaySeconds}s timeout={probe.timeoutSeconds}s "
        f"period={probe.periodSeconds}s #success={probe.successThreshold} #failure={probe.failureThreshold}"
    )


def toleration_text(toleration: core.Toleration) -> str:
    """As kubectl: "key=value:Effect op=Exists for 300s"."""
    text = toleration.key
    if toleration.value:
        text += f"={toleration.value}"
    if toleration.effect:
        text += f":{toleration.effect}"
    if toleration.operator == "Exists":
        text += " op=Exists"
    if toleration.HasField("tolerationSeconds"):
        text += f" for {toleration.tolerationSeconds}s"
    return text.strip()

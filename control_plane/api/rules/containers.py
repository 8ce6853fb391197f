"""Rules and defaults of containers: what each of them must be like by itself.

What binds containers of one pod together (names, ports, volumes) stands in pods.py.
Source: Kubernetes' pkg/apis/core/validation (validateContainers) and pkg/apis/core/v1/defaults.go.
"""

from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_LABEL, PORT, PORT_NAME, one_of
from control_plane.api.rules.engine import Causes, Check, Default, Nested, Rule, Table
from control_plane.api.rules.environment import ENV_FROM, ENV_VAR
from control_plane.api.rules.images import pull_policy
from control_plane.api.rules.probes import LIFECYCLE, LIVENESS, READINESS, STARTUP
from control_plane.api.rules.resources import REQUIREMENTS
from control_plane.api.rules.rows import default, default_by, each, into, required, rule, unique, whole
from control_plane.api.rules.security import SECURITY_CONTEXT
from knarr.proto.kubernetes import core_v1_pb2 as core

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")

CONTAINER_PORT: Final = Table(
    core.ContainerPort,
    rules=(
        rule("name", PORT_NAME),
        required("containerPort"),
        rule("containerPort", PORT),
        rule("hostPort", PORT),
        required("protocol"),
        rule("protocol", one_of(*PROTOCOLS)),
    ),
    defaults=(default("protocol", "TCP"),),
)

VOLUME_MOUNT: Final = Table(
    core.VolumeMount,
    rules=(
        required("name"),
        required("mountPath"),
        rule("mountPropagation", one_of("Bidirectional", "HostToContainer", "None")),
        rule("recursiveReadOnly", one_of("Disabled", "Enabled", "IfPossible")),
    ),
)
VOLUME_DEVICE: Final = Table(core.VolumeDevice, rules=(required("name"), required("devicePath")))

_RESIZE: Final = Table(
    core.ContainerResizePolicy,
    rules=(
        rule("resourceName", one_of("cpu", "memory"), always=True),
        rule("restartPolicy", one_of("NotRequired", "RestartContainer"), always=True),
    ),
)


def _fill_pull_policy(container: Any) -> None:
    if not container.imagePullPolicy:
        container.imagePullPolicy = pull_policy(container.image)


_DEFAULTS: Final[tuple[Default, ...]] = (
    default_by("imagePullPolicy", _fill_pull_policy, "Always for the tag latest or none, else IfNotPresent"),
    default("terminationMessagePath", "/dev/termination-log"),
    default("terminationMessagePolicy", "File"),
)
_COMMON: Final[tuple[Rule | Nested, ...]] = (
    required("name"),
    rule("name", DNS_LABEL),
    required("image"),
    required("terminationMessagePolicy", why="must be 'File' or 'FallbackToLogsOnError'"),
    rule("terminationMessagePolicy", one_of("File", "FallbackToLogsOnError")),
    each("ports", CONTAINER_PORT),
    unique("ports", "name"),
    each("env", ENV_VAR),
    each("envFrom", ENV_FROM),
    # Checked in pods.py, which knows the pod's volumes.
    each("volumeMounts", VOLUME_MOUNT, checked=False),
    each("volumeDevices", VOLUME_DEVICE, checked=False),
    required("imagePullPolicy"),
    rule("imagePullPolicy", one_of("Always", "IfNotPresent", "Never")),
    into("resources", REQUIREMENTS),
    each("resizePolicy", _RESIZE),
    into("securityContext", SECURITY_CONTEXT),
)
_PROBES: Final[tuple[Rule | Nested, ...]] = (
    into("livenessProbe", LIVENESS),
    into("readinessProbe", READINESS),
    into("startupProbe", STARTUP),
    into("lifecycle", LIFECYCLE),
)


CONTAINER: Final = Table(core.Container, rules=(*_COMMON, *_PROBES), defaults=_DEFAULTS)


def _only_sidecars(field: str) -> Rule:
    def check(container: Any, path: str, causes: Causes) -> None:
        if container.HasField(field) and container.restartPolicy != "Always":
            why = "must not be set for init containers without restartPolicy=Always"
            causes.append(say.invalid(path, getattr(container, field), why))

    return whole(f"{field} only with restartPolicy Always", check, at=field)


INIT_CONTAINER: Final = Table(
    core.Container,
    rules=(
        *_COMMON,
        *_PROBES,
        rule("restartPolicy", one_of("Always")),
        *map(_only_sidecars, ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")),
    ),
    defaults=_DEFAULTS,
)


def _refused(field: str, why: str) -> Rule:
    check: Check = lambda value, path, causes: causes.append(say.forbidden(path, why))  # noqa: E731
    return Rule(field, "not supported", check)


_EPHEMERAL_WHY: Final = "cannot be set for an Ephemeral Container"
_COMMON_EPHEMERAL: Final = Table(
    core.EphemeralContainerCommon,
    rules=(
        *(row for row in _COMMON if row.field not in ("ports", "resources", "resizePolicy")),
        *(
            _refused(field, _EPHEMERAL_WHY)
            for field in ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
        ),
    ),
    defaults=_DEFAULTS,
)
EPHEMERAL_CONTAINER: Final = Table(
    core.EphemeralContainer, rules=(into("ephemeralContainerCommon", _COMMON_EPHEMERAL),)
)


def containers_of(spec: Message) -> list[tuple[str, int, Any]]:
    """(field, index, container) of all containers and init containers of a pod."""
    found: list[tuple[str, int, Any]] = []
    for field in ("containers", "initContainers"):
        found += [(field, index, item) for index, item in enumerate(getattr(spec, field))]
    return found

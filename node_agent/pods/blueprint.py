"""From a pod's spec to the containers that the engine is asked for. Pure.

The infra container has what belongs to the pod as a whole: network, hostname, published ports, hosts file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knarr.api.qos import qos_class
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import environment
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.facts import NodeFacts
from node_agent.pods.resources import resources
from node_agent.runtime.interface import (
    ContainerSpec,
    Identity,
    ImageState,
    Mount,
    Network,
    Port,
    Resources,
    Security,
)

_MAX_HOSTNAME = 63


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container is told or given beside its spec."""

    node: NodeFacts
    config: ConfigStore
    pod_ip: str = ""
    image: ImageState | None = None
    mounts: Mapping[str, tuple[Mount, ...]] = field(default_factory=dict)  # by container name


def sandbox(pod: core.Pod, identity: Identity, pause_image: str) -> ContainerSpec:
    """The infra container."""
    return ContainerSpec(
        identity=identity,
        image=pause_image,
        network=_network(pod),
        resources=Resources(cpu_shares=2),
        share_processes=pod.spec.shareProcessNamespace,
    )


def container(
    pod: core.Pod, found: core.Container, identity: Identity, sandbox_id: str, around: Surroundings
) -> ContainerSpec:
    """One container of the pod. Raises ConfigError when something it refers to is missing or forbidden."""
    values = environment.environment(pod, found, around.config, around.node, around.pod_ip)
    return ContainerSpec(
        identity=identity,
        image=found.image,
        sandbox_id=sandbox_id,
        command=environment.expanded(found.command, values),
        args=environment.expanded(found.args, values),
        env=tuple(values.items()),
        working_dir=found.workingDir,
        mounts=around.mounts.get(found.name, ()),
        resources=resources(found, qos_class(pod.spec), around.node.allocatable_memory_bytes),
        security=_security(pod, found, around.image),
        share_processes=pod.spec.shareProcessNamespace,
        stop_signal=found.lifecycle.stopSignal,
        tty=found.tty,
        stdin=found.stdin,
    )


def hostname(pod: core.Pod) -> str:
    """spec.hostname or the pod's name, cut as the kubelet cuts it."""
    return (pod.spec.hostname or pod.metadata.name)[:_MAX_HOSTNAME].rstrip("-.")


def _network(pod: core.Pod) -> Network:
    spec = pod.spec
    dns = spec.dnsConfig
    hosts = tuple((name, alias.ip) for alias in spec.hostAliases for name in alias.hostnames)
    if spec.hostNetwork:
        return Network(host=True, extra_hosts=hosts)
    return Network(
        hostname=hostname(pod),
        ports=tuple(
            Port(port.containerPort, port.hostPort, port.hostIP, port.protocol or "TCP")
            for found in (*spec.containers, *spec.initContainers)
            for port in found.ports
            if port.hostPort
        ),
        extra_hosts=hosts,
        nameservers=tuple(dns.nameservers),
        searches=tuple(dns.searches),
        options=tuple(f"{o.name}:{o.value}" if o.HasField("value") else o.name for o in dns.options),
        sysctls=tuple((sysctl.name, sysctl.value) for sysctl in spec.securityContext.sysctls),
    )


def _security(pod: core.Pod, found: core.Container, image: ImageState | None) -> Security:
    own, whole = found.securityContext, pod.spec.securityContext
    user = own.runAsUser if own.HasField("runAsUser") else None
    if user is None and whole.HasField("runAsUser"):
        user = whole.runAsUser
    group = own.runAsGroup if own.HasField("runAsGroup") else None
    if group is None and whole.HasField("runAsGroup"):
        group = whole.runAsGroup
    if own.runAsNonRoot if own.HasField("runAsNonRoot") else whole.runAsNonRoot:
        _check_not_root(user, image)
    groups = [*whole.supplementalGroups, *([whole.fsGroup] if whole.HasField("fsGroup") else [])]
    return Security(
        user=_user(user, group, image),
        groups=tuple(str(number) for number in groups),
        privileged=own.privileged,
        add_capabilities=tuple(own.capabilities.add),
        drop_capabilities=tuple(own.capabilities.drop),
        read_only_root=own.readOnlyRootFilesystem,
        no_new_privileges=own.HasField("allowPrivilegeEscalation") and not own.allowPrivilegeEscalation,
    )


def _user(user: int | None, group: int | None, image: ImageState | None) -> str:
    name = str(user) if user is not None else (image.user if image is not None else "")
    if group is None:
        return str(user) if user is not None else ""
    return f"{name.partition(':')[0] or '0'}:{group}"


def _check_not_root(user: int | None, image: ImageState | None) -> None:
    if user is not None:
        if user == 0:
            raise ConfigError("container's runAsUser breaks non-root policy")
        return
    name = image.user.partition(":")[0] if image is not None else ""
    if name in ("", "0", "root"):
        raise ConfigError("container has runAsNonRoot and image will run as root")
    if not name.isdigit():
        raise ConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({name}), "
            "cannot verify user is non-root"
        )

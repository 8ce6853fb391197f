"""Between our container types and the JSON of the Docker Engine API. Pure."""

import calendar
import time
from typing import Any

from node_agent.runtime.interface import (
    ContainerSpec,
    ContainerState,
    Identity,
    Mount,
    Network,
    Phase,
    PodRef,
    Role,
)

LABEL_CLUSTER = "knarr.io/cluster"
LABEL_NODE = "knarr.io/node"
LABEL_UID = "knarr.io/pod-uid"
_NAMESPACE = "knarr.io/namespace"
_POD = "knarr.io/pod"
_CONTAINER = "knarr.io/container"
_ROLE = "knarr.io/role"
_ATTEMPT = "knarr.io/attempt"
_SANDBOX = "knarr.io/sandbox"
_SPEC_HASH = "knarr.io/spec-hash"
_GRACE = "knarr.io/grace-seconds"
_BACKOFF = "knarr.io/backoff"

CPU_PERIOD_US = 100_000
LOG_MAX_SIZE = "10m"  # as the kubelet's containerLogMaxSize
LOG_MAX_FILES = "5"


def labels(identity: Identity, cluster: str, node: str) -> dict[str, str]:
    """The labels that say what a container is for."""
    return {
        LABEL_CLUSTER: cluster,
        LABEL_NODE: node,
        LABEL_UID: identity.pod.uid,
        _NAMESPACE: identity.pod.namespace,
        _POD: identity.pod.name,
        _CONTAINER: identity.container,
        _ROLE: identity.role.value,
        _ATTEMPT: str(identity.attempt),
        _SANDBOX: str(identity.sandbox),
        _SPEC_HASH: identity.spec_hash,
        _GRACE: str(identity.grace_s),
        _BACKOFF: str(identity.backoff),
    }


def identity(found: dict[str, str]) -> Identity:
    """The inverse of `labels`; raises KeyError or ValueError for labels that are not ours."""
    return Identity(
        pod=PodRef(found[_NAMESPACE], found[_POD], found[LABEL_UID]),
        container=found[_CONTAINER],
        role=Role(found[_ROLE]),
        attempt=int(found[_ATTEMPT]),
        sandbox=int(found[_SANDBOX]),
        spec_hash=found[_SPEC_HASH],
        grace_s=int(found[_GRACE]),
        backoff=int(found[_BACKOFF]),
    )


def name(identity: Identity) -> str:
    """The engine-wide name: the same attempt can exist once only, whoever tries to make it again."""
    container = identity.container or "POD"
    pod = identity.pod
    # 63 + 253 letters of names are too long for some engines' host files; the uid alone tells pods apart.
    return f"knarr_{container}_{pod.name[:80]}_{pod.namespace}_{pod.uid}_{identity.attempt}"


def creation(spec: ContainerSpec, cluster: str, node: str) -> dict[str, Any]:
    """The body of POST /containers/create."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Labels": labels(spec.identity, cluster, node),
        "Env": [f"{key}={value}" for key, value in spec.env],
        "Tty": spec.tty,
        "OpenStdin": spec.stdin,
        "Healthcheck": {"Test": ["NONE"]},  # the pod's probes take its place
        "HostConfig": _host_config(spec),
    }
    if spec.command:
        body["Entrypoint"] = list(spec.command)
        body["Cmd"] = list(spec.args)
    elif spec.args:
        body["Cmd"] = list(spec.args)
    optional = {"WorkingDir": spec.working_dir, "User": spec.security.user, "StopSignal": spec.stop_signal}
    body.update({key: value for key, value in optional.items() if value})
    if not spec.sandbox_id:
        _add_network(body, spec.network)
    return body


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    resources, security = spec.resources, spec.security
    host: dict[str, Any] = {
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_MAX_SIZE, "max-file": LOG_MAX_FILES}},
        "CpuShares": resources.cpu_shares,
        "Privileged": security.privileged,
        "ReadonlyRootfs": security.read_only_root,
        "CapAdd": list(security.add_capabilities),
        "CapDrop": list(security.drop_capabilities),
        "GroupAdd": list(security.groups),
        "Mounts": [_mount(mount) for mount in spec.mounts],
    }
    if resources.cpu_quota_us:
        host |= {"CpuPeriod": CPU_PERIOD_US, "CpuQuota": resources.cpu_quota_us}
    if resources.memory_bytes:
        host |= {"Memory": resources.memory_bytes, "MemorySwap": resources.memory_bytes}
    if resources.oom_score_adj:
        host["OomScoreAdj"] = resources.oom_score_adj
    if security.no_new_privileges:
        host["SecurityOpt"] = ["no-new-privileges"]
    if spec.sandbox_id:
        host |= {"NetworkMode": f"container:{spec.sandbox_id}", "IpcMode": f"container:{spec.sandbox_id}"}
        if spec.share_processes:
            host["PidMode"] = f"container:{spec.sandbox_id}"
    else:
        host["IpcMode"] = "shareable"
    return host


def _mount(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.propagation:
        found["BindOptions"] = {"Propagation": mount.propagation}
    return found


def _add_network(body: dict[str, Any], network: Network) -> None:
    host = body["HostConfig"]
    if network.host:
        host["NetworkMode"] = "host"
    else:
        host["NetworkMode"] = "default"
        bindings: dict[str, list[dict[str, str]]] = {}
        for port in network.ports:
            key = f"{port.container_port}/{port.protocol.lower()}"
            bindings.setdefault(key, []).append({"HostIp": port.host_ip, "HostPort": str(port.host_port)})
        host["PortBindings"] = bindings
        body["ExposedPorts"] = {key: {} for key in bindings}
        if network.hostname:
            body["Hostname"] = network.hostname
    host["ExtraHosts"] = [f"{hostname}:{address}" for hostname, address in network.extra_hosts]
    host["Dns"] = list(network.nameservers)
    host["DnsSearch"] = list(network.searches)
    host["DnsOptions"] = list(network.options)
    if network.sysctls:
        host["Sysctls"] = dict(network.sysctls)


_PHASES = {"created": Phase.CREATED, "exited": Phase.EXITED, "dead": Phase.EXITED, "removing": Phase.EXITED}


def state(inspected: dict[str, Any]) -> ContainerState:
    """A container from GET /containers/{id}/json."""
    found = inspected["State"]
    networks = inspected["NetworkSettings"]
    phase = _PHASES.get(found["Status"], Phase.RUNNING)
    began, finished = seconds(found["StartedAt"]), seconds(found["FinishedAt"])
    if phase is Phase.CREATED and found.get("Error"):
        # The engine tried to start it and could not; it stays "created" with an exit code.
        phase = Phase.EXITED
    return ContainerState(
        id=inspected["Id"],
        identity=identity(inspected["Config"]["Labels"]),
        phase=phase,
        image=inspected["Config"]["Image"],
        image_id=inspected["Image"],
        created_at=seconds(inspected["Created"]),
        started_at=began,
        finished_at=_end(inspected, began, finished) if phase is Phase.EXITED else 0.0,
        exit_code=found["ExitCode"],
        oom_killed=bool(found.get("OOMKilled")),
        error=found.get("Error", ""),
        ip=networks.get("IPAddress") or _first_ip(networks.get("Networks") or {}),
    )


def _end(inspected: dict[str, Any], began: float, finished: float) -> float:
    """When it ended. The engine may note a short run's end before its start, none for a failed start."""
    return max(began, finished) or seconds(inspected["Created"])


def _first_ip(networks: dict[str, Any]) -> str:
    """Engines from 29 on name the address per network only."""
    return next((found["IPAddress"] for found in networks.values() if found.get("IPAddress")), "")


def seconds(text: str) -> float:
    """Seconds since 1970 of the engine's RFC 3339 time in UTC; its zero time (year 1) is 0.0."""
    if not text or text.startswith("0001-"):
        return 0.0
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")

"""Rules and defaults of the pod spec, as it stands in pods and in every template.

Source: Kubernetes' pkg/apis/core/validation (ValidatePodSpec) and pkg/apis/core/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    INT32_MAX,
    IP,
    LABELS,
    QUALIFIED_NAME,
    between,
    one_of,
    stated,
)
from control_plane.api.rules.containers import (
    CONTAINER,
    EPHEMERAL_CONTAINER,
    INIT_CONTAINER,
    containers_of,
)
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.metadata import ANNOTATIONS
from control_plane.api.rules.mounts import check_volumes
from control_plane.api.rules.placement import AFFINITY, SPREAD_CONSTRAINT, SPREAD_PAIRS, TOLERATION
from control_plane.api.rules.projections import VOLUME
from control_plane.api.rules.resources import check_amount, check_container_resource_name, rounding
from control_plane.api.rules.rows import (
    default,
    default_by,
    each,
    ensure,
    into,
    required,
    rule,
    whole,
)
from control_plane.api.rules.security import POD_SECURITY_CONTEXT
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
PREEMPTION: Final = stated("PreemptLowerPriority", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_CHARS: Final = 2048


def _check_names(spec: Any, path: str, causes: Causes) -> None:
    """No two containers of a pod have the same name, init containers included."""
    taken: set[str] = set()
    for index, container in enumerate(spec.containers):
        if container.name in taken:
            causes.append(say.duplicate(f"{path}.containers[{index}].name", container.name))
        taken.add(container.name)
    for index, container in enumerate(spec.initContainers):
        if container.name in taken:
            causes.append(say.duplicate(f"{path}.initContainers[{index}].name", container.name))
        if container.name:
            taken.add(container.name)
    for index, ephemeral in enumerate(spec.ephemeralContainers):
        name = ephemeral.ephemeralContainerCommon.name
        if name in taken:
            causes.append(say.duplicate(f"{path}.ephemeralContainers[{index}].name", name))
        taken.add(name)


def _check_host_ports(spec: Any, path: str, causes: Causes) -> None:
    """No host port twice; with the host's network each is the container's own port."""
    taken: set[tuple[str, str, int]] = set()
    for index, container in enumerate(spec.containers):
        for place, port in enumerate(container.ports):
            if not port.hostPort:
                continue
            key = (port.protocol, port.hostIP, port.hostPort)
            if key in taken:
                here = f"{path}.containers[{index}].ports[{place}].hostPort"
                causes.append(say.duplicate(here, f"{port.protocol}/{port.hostIP}/{port.hostPort}"))
            taken.add(key)
    if spec.hostNetwork:
        _check_host_network(spec, path, causes)


def _check_host_network(spec: Any, path: str, causes: Causes) -> None:
    for index, container in enumerate(spec.containers):
        for place, port in enumerate(container.ports):
            if port.hostPort != port.containerPort:
                here = f"{path}.containers[{index}].ports[{place}].hostPort"
                why = "must match `containerPort` when `hostNetwork` is true"
                causes.append(say.invalid(here, port.hostPort, why))


def _check_dns(spec: Any, path: str, causes: Causes) -> None:
    config = spec.dnsConfig
    if spec.dnsPolicy == "None":
        if not spec.HasField("dnsConfig"):
            causes.append(say.required(path, "must provide `dnsConfig` when `dnsPolicy` is None"))
            return
        if not config.nameservers:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            causes.append(say.required(f"{path}.nameservers", why))
            return
    if spec.HasField("dnsConfig"):
        _check_dns_config(config, path, causes)


def _check_dns_config(config: Any, path: str, causes: Causes) -> None:
    servers, searches = list(config.nameservers), list(config.searches)
    if len(servers) > _MAX_NAMESERVERS:
        why = f"must not have more than {_MAX_NAMESERVERS} nameservers"
        causes.append(say.invalid(f"{path}.nameservers", servers, why))
    for index, server in enumerate(servers):
        IP.check(server, f"{path}.nameservers[{index}]", causes)
    if len(searches) > _MAX_SEARCHES:
        why = f"must not have more than {_MAX_SEARCHES} search paths"
        causes.append(say.invalid(f"{path}.searches", searches, why))
    if len(" ".join(searches)) > _MAX_SEARCH_CHARS:
        why = f"must not have more than {_MAX_SEARCH_CHARS} characters (including spaces) in the search list"
        causes.append(say.invalid(f"{path}.searches", searches, why))
    for index, search in enumerate(searches):
        if search != ".":
            DNS_SUBDOMAIN.check(search.removesuffix("."), f"{path}.searches[{index}]", causes)
    for index, option in enumerate(config.options):
        if not option.name:
            causes.append(say.required(f"{path}.options[{index}]", "must not be empty"))


def _check_aliases(aliases: Any, path: str, causes: Causes) -> None:
    for alias in aliases:
        IP.check(alias.ip, f"{path}.ip", causes)
        for hostname in alias.hostnames:
            DNS_SUBDOMAIN.check(hostname, f"{path}.hostnames", causes)


def _check_overhead(amounts: Any, path: str, causes: Causes) -> None:
    for name, amount in amounts.items():
        check_container_resource_name(name, f"{path}[{name}]", causes)
        check_amount(name, amount, f"{path}[{name}]", causes)


def _check_process_namespace(spec: Any, path: str, causes: Causes) -> None:
    if spec.shareProcessNamespace and spec.hostPID:
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        causes.append(say.invalid(path, True, why))


def _check_gates(gates: Any, path: str, causes: Causes) -> None:
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        QUALIFIED_NAME.check(gate.name, f"{path}[{index}]", causes)
        if gate.name in seen:
            causes.append(say.duplicate(f"{path}[{index}]", gate.name))
        seen.add(gate.name)


def _fill_grace(spec: Any) -> None:
    if not spec.HasField("terminationGracePeriodSeconds"):
        spec.terminationGracePeriodSeconds = 30
    elif spec.terminationGracePeriodSeconds < 0:
        spec.terminationGracePeriodSeconds = 1


def _fill_host_ports(spec: Any) -> None:
    if not spec.hostNetwork:
        return
    for _, _, container in containers_of(spec):
        for port in container.ports:
            if not port.hostPort:
                port.hostPort = port.containerPort


def _fill_service_account(spec: Any) -> None:
    """The deprecated name of the field and the current one say the same."""
    if not spec.serviceAccountName and spec.serviceAccount:
        spec.serviceAccountName = spec.serviceAccount
    elif spec.serviceAccount != spec.serviceAccountName:
        spec.serviceAccount = spec.serviceAccountName


_READINESS_GATE: Final = Table(
    core.PodReadinessGate, rules=(rule("conditionType", QUALIFIED_NAME, always=True),)
)
_OS: Final = Table(core.PodOS, rules=(required("name"), rule("name", one_of("linux", "windows"))))

POD_SPEC: Final = Table(
    core.PodSpec,
    rules=(
        # The volumes' rules are applied by check_volumes, which then knows which may be mounted.
        each("volumes", VOLUME, checked=False),
        whole("each volume has a name of its own; mounts name volumes of the pod", check_volumes),
        required("containers"),
        each("containers", CONTAINER),
        each("initContainers", INIT_CONTAINER),
        each("ephemeralContainers", EPHEMERAL_CONTAINER),
        whole("each container has a name of its own", _check_names),
        whole("each host port stands once", _check_host_ports),
        required("restartPolicy"),
        rule("restartPolicy", one_of(*RESTART_POLICIES)),
        required("dnsPolicy"),
        rule("dnsPolicy", one_of(*DNS_POLICIES)),
        rule("nodeSelector", LABELS),
        into("securityContext", POD_SECURITY_CONTEXT),
        whole("not with hostPID", _check_process_namespace, at="securityContext.shareProcessNamespace"),
        into("affinity", AFFINITY),
        whole("dnsPolicy None needs nameservers", _check_dns, at="dnsConfig"),
        each("readinessGates", _READINESS_GATE),
        each("topologySpreadConstraints", SPREAD_CONSTRAINT),
        SPREAD_PAIRS,
        rule("serviceAccountName", DNS_SUBDOMAIN),
        rule("nodeName", DNS_SUBDOMAIN),
        rule("activeDeadlineSeconds", between(1, INT32_MAX)),
        rule("hostname", DNS_LABEL),
        rule("subdomain", DNS_LABEL),
        each("tolerations", TOLERATION),
        rule("hostAliases", Checker(_check_aliases, "an IP address and host names")),
        rule("priorityClassName", DNS_SUBDOMAIN),
        rule("runtimeClassName", DNS_SUBDOMAIN),
        rule("preemptionPolicy", PREEMPTION),
        rule("overhead", Checker(_check_overhead, "known resources, amounts of at least 0")),
        into("os", _OS),
        rule("schedulingGates", Checker(_check_gates, "qualified names, each once")),
    ),
    defaults=(
        default("dnsPolicy", "ClusterFirst"),
        default("restartPolicy", "Always"),
        ensure("securityContext"),
        default_by("terminationGracePeriodSeconds", _fill_grace, "30; a negative one is 1"),
        default("schedulerName", "default-scheduler"),
        default_by("serviceAccount", _fill_service_account, "the same as serviceAccountName"),
        default_by("hostNetwork", _fill_host_ports, "with it each hostPort is the containerPort"),
        rounding("overhead"),
    ),
    remembered=True,
)

_TEMPLATE_METADATA: Final = Table(
    meta.ObjectMeta,
    rules=(
        rule("labels", LABELS),
        rule("annotations", ANNOTATIONS),
    ),
)
POD_TEMPLATE: Final = Table(
    core.PodTemplateSpec,
    rules=(into("metadata", _TEMPLATE_METADATA, at=""), into("spec", POD_SPEC)),
)

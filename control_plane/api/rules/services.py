"""Rules and defaults of Services. Addresses and node ports are allocated elsewhere.

Source: Kubernetes' pkg/apis/core/validation (ValidateService, ValidateServiceUpdate) and core/v1/defaults.go.
"""

import ipaddress
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    CIDR,
    DNS_LABEL,
    DNS_SUBDOMAIN,
    LABELS,
    PORT,
    PORT_OR_NAME,
    QUALIFIED_NAME,
    dns_1035_errors,
    ip_errors,
    one_of,
)
from control_plane.api.rules.containers import PROTOCOLS
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import metadata
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default, default_by, each, into, on_update, required, rule, whole
from knarr.proto.kubernetes import core_v1_pb2 as core

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_MAX_AFFINITY_S: Final = 86_400
_NO_IP: Final = "None"
WITH_NODE_PORTS: Final = ("NodePort", "LoadBalancer")


def _fill_target_port(port: Any) -> None:
    target = port.targetPort
    if (target.type == 0 and target.intVal == 0) or (target.type == 1 and not target.strVal):
        target.type, target.intVal, target.strVal = 0, port.port, ""


SERVICE_PORT: Final = Table(
    core.ServicePort,
    rules=(
        rule("name", DNS_LABEL),
        rule("port", PORT, always=True),
        required("protocol"),
        rule("protocol", one_of(*PROTOCOLS)),
        rule("targetPort", PORT_OR_NAME, always=True),
        rule("appProtocol", QUALIFIED_NAME),
    ),
    defaults=(
        default("protocol", "TCP"),
        default_by("targetPort", _fill_target_port, "the same as port"),
    ),
)


def _fill_affinity(spec: Any) -> None:
    if not spec.sessionAffinity:
        spec.sessionAffinity = "None"
    if spec.sessionAffinity == "None":
        spec.ClearField("sessionAffinityConfig")
    elif spec.sessionAffinity == "ClientIP" and not spec.sessionAffinityConfig.clientIP.HasField(
        "timeoutSeconds"
    ):
        spec.sessionAffinityConfig.clientIP.timeoutSeconds = 10_800


def reached_from_outside(spec: Any) -> bool:
    return spec.type in WITH_NODE_PORTS or (spec.type == "ClusterIP" and len(spec.externalIPs) > 0)


def _fill_traffic(spec: Any) -> None:
    if not spec.externalTrafficPolicy and spec.type in WITH_NODE_PORTS:
        spec.externalTrafficPolicy = "Cluster"
    if spec.type != "ExternalName" and not spec.HasField("internalTrafficPolicy"):
        spec.internalTrafficPolicy = "Cluster"
    if spec.type == "LoadBalancer" and not spec.HasField("allocateLoadBalancerNodePorts"):
        spec.allocateLoadBalancerNodePorts = True


def _check_ports(spec: Any, path: str, causes: Causes) -> None:
    headless = spec.clusterIP == _NO_IP
    if not spec.ports and not headless and spec.type != "ExternalName":
        causes.append(say.required(f"{path}.ports"))
    names: set[str] = set()
    for index, port in enumerate(spec.ports):
        here = f"{path}.ports[{index}]"
        if not port.name:
            if len(spec.ports) > 1:
                causes.append(say.required(f"{here}.name"))
        elif port.name in names:
            causes.append(say.duplicate(f"{here}.name", port.name))
        names.add(port.name)
    _check_pairs(spec, path, causes)


def _check_pairs(spec: Any, path: str, causes: Causes) -> None:
    ports: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        pair = (port.protocol, port.port)
        if pair in ports:
            shown = core.ServicePort(protocol=port.protocol, port=port.port)
            causes.append(say.duplicate(f"{path}.ports[{index}]", shown))
        ports.add(pair)
        if not port.nodePort:
            continue
        here = f"{path}.ports[{index}].nodePort"
        if spec.type == "ClusterIP":
            causes.append(say.forbidden(here, "may not be used when `type` is 'ClusterIP'"))
        if (port.protocol, port.nodePort) in node_ports:
            causes.append(say.duplicate(here, port.nodePort))
        node_ports.add((port.protocol, port.nodePort))


def _check_addresses(spec: Any, path: str, causes: Causes) -> None:
    addresses = list(spec.clusterIPs) or ([spec.clusterIP] if spec.clusterIP else [])
    here = f"{path}.clusterIPs"
    if spec.type == "ExternalName":
        if addresses:
            causes.append(say.forbidden(here, "may not be set for ExternalName services"))
        return
    for index, address in enumerate(addresses):
        at = f"{here}[{index}]"
        if address == _NO_IP:
            if len(addresses) > 1 and index:
                causes.append(say.invalid(at, address, "must be empty or a valid IP address"))
            if spec.type in WITH_NODE_PORTS:
                why = f"may not be set to 'None' for {spec.type} services"
                causes.append(say.invalid(at, address, why))
        else:
            causes.extend(say.invalid(at, address, error) for error in ip_errors(address))
    if spec.clusterIPs and spec.clusterIP != spec.clusterIPs[0]:
        causes.append(say.invalid(here, list(spec.clusterIPs), "first value must match `clusterIP`"))
    if len(addresses) > 2:
        causes.append(say.invalid(here, addresses, "may only hold up to 2 values"))


def _check_external_ips(values: Any, path: str, causes: Causes) -> None:
    for index, value in enumerate(values):
        here = f"{path}[{index}]"
        errors = ip_errors(value)
        if errors:
            causes.extend(say.invalid(here, value, error) for error in errors)
            continue
        address = ipaddress.ip_address(value)
        if address.is_unspecified:
            causes.append(say.invalid(here, value, f"may not be unspecified ({value})"))
        if address.is_loopback:
            why = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
            causes.append(say.invalid(here, value, why))
        if address.is_link_local:
            why = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
            causes.append(say.invalid(here, value, why))


def _check_external(spec: Any, path: str, causes: Causes) -> None:
    _check_external_ips(spec.externalIPs, f"{path}.externalIPs", causes)
    if spec.type == "ExternalName":
        name = spec.externalName.removesuffix(".")
        if not name:
            causes.append(say.required(f"{path}.externalName"))
        else:
            DNS_SUBDOMAIN.check(name, f"{path}.externalName", causes)
    if spec.loadBalancerSourceRanges:
        if spec.type != "LoadBalancer":
            why = "may only be used when `type` is 'LoadBalancer'"
            causes.append(say.forbidden(f"{path}.loadBalancerSourceRanges", why))
        for index, value in enumerate(spec.loadBalancerSourceRanges):
            CIDR.check(value.strip(), f"{path}.loadBalancerSourceRanges[{index}]", causes)
    for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if spec.HasField(name) and spec.type != "LoadBalancer":
            why = "may only be used when `type` is 'LoadBalancer'"
            causes.append(say.forbidden(f"{path}.{name}", why))


def _check_policies(spec: Any, path: str, causes: Causes) -> None:
    external = spec.externalTrafficPolicy
    here = f"{path}.externalTrafficPolicy"
    if external and not reached_from_outside(spec):
        why = "may only be set for externally-accessible services"
        causes.append(say.invalid(here, external, why))
    elif external not in ("", "Cluster", "Local"):
        causes.append(say.invalid(here, external, "must be one of Cluster, Local"))
    local = spec.type == "LoadBalancer" and external == "Local"
    if spec.healthCheckNodePort and not local:
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        causes.append(say.invalid(f"{path}.healthCheckNodePort", spec.healthCheckNodePort, why))
    if spec.HasField("internalTrafficPolicy") and spec.internalTrafficPolicy not in ("Cluster", "Local"):
        supported = ("Cluster", "Local")
        causes.append(say.unsupported(f"{path}.internalTrafficPolicy", spec.internalTrafficPolicy, supported))


def _check_affinity(spec: Any, path: str, causes: Causes) -> None:
    if spec.sessionAffinity == "ClientIP":
        if not spec.sessionAffinityConfig.clientIP.HasField("timeoutSeconds"):
            here = f"{path}.clientIP.timeoutSeconds"
            causes.append(say.required(here, "when session affinity type is ClientIP"))
        elif not 0 < spec.sessionAffinityConfig.clientIP.timeoutSeconds <= _MAX_AFFINITY_S:
            value = spec.sessionAffinityConfig.clientIP.timeoutSeconds
            why = f"must be greater than 0 and less than {_MAX_AFFINITY_S}"
            causes.append(say.invalid(f"{path}.clientIP.timeoutSeconds", value, why))
    elif spec.sessionAffinity == "None" and spec.HasField("sessionAffinityConfig"):
        why = "must not be set when session affinity is None"
        causes.append(say.forbidden(path, why))


SERVICE_SPEC: Final = Table(
    core.ServiceSpec,
    rules=(
        each("ports", SERVICE_PORT),
        whole("ports have names, where there are several, and stand once", _check_ports),
        rule("selector", LABELS),
        required("type"),
        rule("type", one_of(*TYPES)),
        whole("IP addresses, or None", _check_addresses),
        whole("externalIPs, externalName and load balancer fields fit the type", _check_external),
        whole("traffic policies fit the type", _check_policies),
        required("sessionAffinity"),
        rule("sessionAffinity", one_of("ClientIP", "None")),
        whole("only with sessionAffinity ClientIP", _check_affinity, at="sessionAffinityConfig"),
        rule("ipFamilyPolicy", one_of("SingleStack", "PreferDualStack", "RequireDualStack")),
    ),
    defaults=(
        default_by("sessionAffinity", _fill_affinity, "None; with ClientIP the timeout is 10800 s"),
        default("type", "ClusterIP"),
        default_by("externalTrafficPolicy", _fill_traffic, "Cluster, as is internalTrafficPolicy"),
    ),
)
SERVICE: Final = Table(
    core.Service,
    rules=(
        into("metadata", metadata(dns_1035_errors, "a DNS label that begins with a letter")),
        into("spec", SERVICE_SPEC),
    ),
)


def _check_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    """The address of a service stays, unless it changes from or to an ExternalName."""
    if "ExternalName" in (new.spec.type, old.spec.type):
        return
    if old.spec.clusterIP and new.spec.clusterIP != old.spec.clusterIP:
        causes.append(say.invalid("spec.clusterIPs[0]", [new.spec.clusterIP], "may not change once set"))


RULES: Final = (
    ObjectRules(
        SERVICE,
        unconditional=False,
        update=(on_update("may not change once set", _check_update, "spec.clusterIP"),),
    ),
)

"""What an update of a Service keeps of its old state: addresses, node ports, fields of the old type."""

from control_plane.api.rules.services import WITH_NODE_PORTS, reached_from_outside
from knarr.proto.kubernetes import core_v1_pb2 as core


def carry_over(new: core.Service, old: core.Service) -> None:
    """Bring a changed service into line with its old state, before defaults and validation.

    What was allocated stays where the change leaves it out; what the old type needed and the new one has no
    use for goes, unless it was changed too. Source: Kubernetes' pkg/registry/core/service/strategy.go
    (patchAllocatedValues, dropTypeDependentFields) and NormalizeClusterIPs.
    """
    fresh, before = new.spec, old.spec
    if fresh.clusterIP != before.clusterIP and fresh.clusterIPs == before.clusterIPs:
        fresh.ClearField("clusterIPs")
    if fresh.type != "ExternalName" and before.type != "ExternalName" and not fresh.clusterIP:
        fresh.clusterIP = before.clusterIP
        if not fresh.clusterIPs:
            fresh.clusterIPs.extend(before.clusterIPs)
    if fresh.type == "ExternalName" and before.type != "ExternalName" and fresh.clusterIP == before.clusterIP:
        fresh.ClearField("clusterIP")
        fresh.ClearField("clusterIPs")
    if fresh.type == "ExternalName" and before.type != "ExternalName":
        _drop_families(fresh, before)
    _carry_ports(fresh, before)
    _carry_health_check(fresh, before)
    policy_kept = fresh.externalTrafficPolicy == before.externalTrafficPolicy
    if policy_kept and reached_from_outside(before) and not reached_from_outside(fresh):
        fresh.ClearField("externalTrafficPolicy")
    if before.type == "LoadBalancer" and fresh.type != "LoadBalancer":
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"):
            if getattr(fresh, name) == getattr(before, name):
                fresh.ClearField(name)


def _drop_families(fresh: core.ServiceSpec, before: core.ServiceSpec) -> None:
    if list(fresh.ipFamilies) == list(before.ipFamilies):
        del fresh.ipFamilies[:]
    if fresh.ipFamilyPolicy == before.ipFamilyPolicy:
        fresh.ClearField("ipFamilyPolicy")


def _carry_health_check(fresh: core.ServiceSpec, before: core.ServiceSpec) -> None:
    """The port stays as long as there is a health check, and goes with it."""
    if not (before.type == "LoadBalancer" and before.externalTrafficPolicy == "Local"):
        return
    if fresh.type == "LoadBalancer" and fresh.externalTrafficPolicy == "Local":
        fresh.healthCheckNodePort = fresh.healthCheckNodePort or before.healthCheckNodePort
    elif fresh.healthCheckNodePort == before.healthCheckNodePort:
        fresh.ClearField("healthCheckNodePort")


def _carry_ports(fresh: core.ServiceSpec, before: core.ServiceSpec) -> None:
    """Node ports stay with their port; without a type that has any they go."""
    if before.type not in WITH_NODE_PORTS:
        return
    allocated = {(port.protocol, port.port): port.nodePort for port in before.ports}
    if fresh.type in WITH_NODE_PORTS:
        taken = {port.nodePort for port in fresh.ports}
        for port in fresh.ports:
            known = allocated.get((port.protocol or "TCP", port.port), 0)
            if not port.nodePort and known not in taken:
                port.nodePort = known
    elif sorted(port.nodePort for port in fresh.ports) == sorted(allocated.values()):
        for port in fresh.ports:
            port.nodePort = 0

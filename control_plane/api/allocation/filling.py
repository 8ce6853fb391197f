"""What is filled into a Service that does not choose its address, node ports and address family itself. Pure.

Source: Kubernetes' pkg/registry/core/service/storage/alloc.go, for a cluster with one family, IPv4.
"""

import random
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from control_plane.api import refusals
from control_plane.api.allocation.holdings import (
    NO_ADDRESS,
    address_key,
    addresses_of,
    needs_health_check,
    port_key,
    ports_of,
)
from control_plane.api.allocation.ranges import AddressRange, PortRange
from control_plane.api.rules import causes as say
from control_plane.api.rules.services import WITH_NODE_PORTS
from knarr.api.kinds import SERVICE
from knarr.errors import ApiError, Cause, InternalError
from knarr.proto.kubernetes import core_v1_pb2 as core

_TAKEN_ADDRESS: Final = "provided IP is already allocated"
_TAKEN_PORT: Final = "provided port is already allocated"
_DUAL: Final = "this cluster is not configured for dual-stack services"


@dataclass(frozen=True, slots=True)
class Ranges:
    """All that can be allocated."""

    addresses: AddressRange
    ports: PortRange


def fill_families(service: core.Service, old: core.Service | None) -> list[Cause]:
    """Fill in families and their policy, in place; causes for what a cluster with one family cannot do."""
    spec = service.spec
    if spec.type == "ExternalName":
        return []
    if old is not None and old.spec.type != "ExternalName":
        if not spec.ipFamilies:
            spec.ipFamilies.extend(old.spec.ipFamilies)
        if not spec.HasField("ipFamilyPolicy") and old.spec.HasField("ipFamilyPolicy"):
            spec.ipFamilyPolicy = old.spec.ipFamilyPolicy
        if not spec.ipFamilies:
            return []  # a service that is older than these fields stays without
    if not spec.ipFamilies:
        spec.ipFamilies.append("IPv4")
    if spec.clusterIP == NO_ADDRESS and not spec.selector:
        _fill_bare(spec)
        return []
    if not spec.HasField("ipFamilyPolicy"):
        spec.ipFamilyPolicy = "SingleStack"
    causes: list[Cause] = []
    if spec.ipFamilyPolicy == "RequireDualStack":
        causes.append(say.invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, _DUAL))
    for index, family in enumerate(spec.ipFamilies):
        if family != "IPv4":
            causes.append(say.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return causes


def _fill_bare(spec: core.ServiceSpec) -> None:
    """A headless service whose endpoints somebody else names may have any family."""
    if not spec.HasField("ipFamilyPolicy"):
        spec.ipFamilyPolicy = "RequireDualStack"
    if len(spec.ipFamilies) == 1 and spec.ipFamilyPolicy != "SingleStack":
        spec.ipFamilies.append("IPv6" if spec.ipFamilies[0] == "IPv4" else "IPv4")


def check_chosen(
    service: core.Service, old: core.Service | None, ranges: Ranges, taken: Container[str]
) -> list[Cause]:
    """Causes for values that people chose and that are not to be had. `taken`: keys, by the store."""
    causes: list[Cause] = []
    known = set(addresses_of(old)) if old is not None else set()
    for address in addresses_of(service):
        if address not in known:
            why = _why_not(address, address_key(address), ranges.addresses, taken)
            if why:
                chosen = list(service.spec.clusterIPs)
                causes.append(
                    say.invalid("spec.clusterIPs", chosen, f"failed to allocate IP {address}: {why}")
                )
    ports = ports_of(old) if old is not None else set()
    if service.spec.type in WITH_NODE_PORTS:
        for index, port in enumerate(service.spec.ports):
            why = _why_no_port(port.nodePort, ports, ranges, taken)
            if why:
                causes.append(say.invalid(f"spec.ports[{index}].nodePort", port.nodePort, why))
    return causes


def _why_not(address: str, key: str, addresses: AddressRange, taken: Container[str]) -> str:
    if address not in addresses:
        return (
            f"the provided IP ({address}) is not in the valid range. "
            f"The range of valid IPs is {addresses.network}"
        )
    return _TAKEN_ADDRESS if key in taken else ""


def _why_no_port(port: int, own: Container[int], ranges: Ranges, taken: Container[str]) -> str:
    if not port or port in own:
        return ""
    if port not in ranges.ports:
        return f"provided port is not in the valid range. The range of valid ports is {ranges.ports}"
    return _TAKEN_PORT if port_key(port) in taken else ""


def check_health_check(
    service: core.Service, old: core.Service | None, ranges: Ranges, taken: Container[str]
) -> None:
    """Raises Invalid for a health check's port that changes, InternalError (as Kubernetes) for one that is
    not to be had."""
    if not needs_health_check(service):
        return
    port = service.spec.healthCheckNodePort
    if old is not None and needs_health_check(old) and old.spec.healthCheckNodePort:
        if port != old.spec.healthCheckNodePort:
            cause = say.invalid("spec.healthCheckNodePort", port, say.IMMUTABLE)
            raise refusals.invalid(SERVICE, service.metadata.name, [cause])
        return
    why = _why_no_port(port, ports_of(old) if old is not None else (), ranges, taken)
    if why:
        raise _internal(f"failed to allocate requested HealthCheck NodePort {port}: {why}")


def fill_values(service: core.Service, ranges: Ranges, taken: "Taken", rng: random.Random) -> None:
    """Pick what is still to be chosen, in place; raises InternalError when a range is full."""
    spec = service.spec
    if spec.type != "ExternalName" and not spec.clusterIP:
        address = ranges.addresses.pick(rng, taken.addresses)
        if address is None:
            raise _internal("failed to allocate a serviceIP: range is full")
        spec.clusterIP = address
        del spec.clusterIPs[:]
        spec.clusterIPs.append(address)
    own = {port.nodePort for port in spec.ports} | {spec.healthCheckNodePort}
    ports = _Ports(taken.ports, own)
    if takes_node_ports(spec):
        _fill_ports(spec, ranges.ports, ports, rng)
    if needs_health_check(service) and not spec.healthCheckNodePort:
        spec.healthCheckNodePort = _pick_port(ranges.ports, ports, rng)


def takes_node_ports(spec: core.ServiceSpec) -> bool:
    """Whether each port of it gets a node port."""
    return spec.type == "NodePort" or (spec.type == "LoadBalancer" and spec.allocateLoadBalancerNodePorts)


def _fill_ports(spec: core.ServiceSpec, ports: PortRange, taken: "_Ports", rng: random.Random) -> None:
    """One port number of several protocols has one node port, where that can be."""
    chosen = {port.port: port.nodePort for port in spec.ports if port.nodePort}
    for port in spec.ports:
        if port.nodePort:
            continue
        shared = chosen.get(port.port, 0)
        used = any(other.nodePort == shared and other.protocol == port.protocol for other in spec.ports)
        port.nodePort = shared if shared and not used else _pick_port(ports, taken, rng)
        chosen[port.port] = port.nodePort


def _pick_port(ports: PortRange, taken: "_Ports", rng: random.Random) -> int:
    found = ports.pick(rng, taken)
    if found is None:
        raise _internal("failed to allocate a nodePort: range is full")
    taken.own.add(found)
    return found


@dataclass(frozen=True, slots=True)
class Taken:
    """What may not be picked."""

    addresses: Container[str]
    ports: Container[int]


@dataclass(frozen=True, slots=True)
class _Ports(Container[int]):
    """Node ports that others hold, or that this Service has elsewhere."""

    others: Container[int]
    own: set[int]

    def __contains__(self, port: object) -> bool:
        return port in self.own or port in self.others


def _internal(why: str) -> ApiError:
    return InternalError(f"Internal error occurred: {why}")


def refused(service: core.Service, causes: Iterable[Cause]) -> None:
    """Raises Invalid when there are causes."""
    found = list(causes)
    if found:
        raise refusals.invalid(SERVICE, service.metadata.name, found)

"""Tables of what leads traffic to pods, or holds it back, as kubectl's. Services stand in config.py."""

from control_plane.api.tables.columns import (
    AGED,
    NAME,
    NONE,
    UNSET,
    Column,
    Columns,
    age,
    few,
    selector,
)
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import discovery_v1_pb2 as discovery
from knarr.proto.kubernetes import networking_v1_pb2 as networking

_MOST = 3  # of hosts, ports and addresses shown


def _ingress(found: networking.Ingress) -> list[str]:
    spec = found.spec
    addresses = {each.ip or each.hostname for each in found.status.loadBalancer.ingress}
    return [
        spec.ingressClassName if spec.HasField("ingressClassName") else NONE,
        _hosts(found),
        ",".join(sorted(addresses - {""})),
        "80, 443" if spec.tls else "80",
        age(found.metadata),
    ]


def _hosts(found: networking.Ingress) -> str:
    """As kubectl counts: all rules after the last that is shown, with a host or without."""
    rules = found.spec.rules
    named = [number for number, rule in enumerate(rules) if rule.host]
    if not named:
        return "*"
    shown = ",".join(rules[number].host for number in named[:_MOST])
    more = len(named) >= _MOST and len(rules) > named[_MOST - 1] + 1
    return f"{shown} + {len(rules) - _MOST} more..." if more else shown


def _ingress_class(found: networking.IngressClass) -> list[str]:
    parameters = NONE
    if found.spec.HasField("parameters"):
        given = found.spec.parameters
        group = f".{given.aPIGroup}" if given.HasField("aPIGroup") else ""
        parameters = f"{given.kind}{group}/{given.name}"
    return [found.spec.controller, parameters, age(found.metadata)]


def _endpoints(found: core.Endpoints) -> list[str]:
    addresses = [
        _with_port(address.ip, port.port) if port is not None else address.ip
        for subset in found.subsets
        for port in (subset.ports or (None,))
        for address in subset.addresses
    ]
    return [few(addresses, _MOST) if found.subsets else NONE, age(found.metadata)]


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(found: discovery.EndpointSlice) -> list[str]:
    ports = [str(port.port) if port.HasField("port") else _port_name(port) for port in found.ports]
    addresses = [address for endpoint in found.endpoints for address in endpoint.addresses]
    return [
        found.addressType,
        few(ports, _MOST) or UNSET,
        few(addresses, _MOST) or UNSET,
        age(found.metadata),
    ]


def _port_name(port: discovery.EndpointPort) -> str:
    return port.name if port.HasField("name") else "*"


INGRESSES = Columns(
    (NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), AGED), _ingress
)
INGRESS_CLASSES = Columns((NAME, Column("Controller"), Column("Parameters"), AGED), _ingress_class)
NETWORK_POLICIES = Columns(
    (NAME, Column("Pod-Selector"), AGED),
    lambda found: [selector(found.spec.podSelector), age(found.metadata)],
)
ENDPOINTS = Columns((NAME, Column("Endpoints"), AGED), _endpoints)
ENDPOINT_SLICES = Columns(
    (NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGED), _endpoint_slice
)

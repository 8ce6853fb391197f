"""Which addresses and node ports a Service holds, and by which keys of the store. Pure."""

from typing import Final

from control_plane.api.rules.services import WITH_NODE_PORTS
from knarr.proto.kubernetes import core_v1_pb2 as core

CLAIMS: Final = "/knarr/allocations/"
ADDRESSES: Final = f"{CLAIMS}addresses/"
PORTS: Final = f"{CLAIMS}ports/"
NO_ADDRESS: Final = "None"

Holdings = frozenset[str]  # keys


def address_key(address: str) -> str:
    return f"{ADDRESSES}{address}"


def port_key(port: int) -> str:
    return f"{PORTS}{port}"


def addresses_of(service: core.Service) -> list[str]:
    """None for headless services, and for those that stand for a name."""
    spec = service.spec
    if spec.type == "ExternalName":
        return []
    given = list(spec.clusterIPs) or [spec.clusterIP]
    return [address for address in given if address and address != NO_ADDRESS]


def ports_of(service: core.Service) -> set[int]:
    """Node ports, that of health checks included."""
    spec = service.spec
    if spec.type not in WITH_NODE_PORTS:
        return set()
    found = {port.nodePort for port in spec.ports}
    if needs_health_check(service):
        found.add(spec.healthCheckNodePort)
    return found - {0}


def needs_health_check(service: core.Service) -> bool:
    """Whether nodes tell whether they have an endpoint: only then a load balancer may lead traffic there."""
    return service.spec.type == "LoadBalancer" and service.spec.externalTrafficPolicy == "Local"


def held(service: core.Service | None) -> Holdings:
    """All that a Service holds once it is stored."""
    if service is None:
        return frozenset()
    return frozenset(
        (*map(address_key, addresses_of(service)), *(port_key(port) for port in ports_of(service)))
    )


def owner(service: core.Service) -> bytes:
    """What stands under the keys that a Service holds."""
    own = service.metadata
    return f"{own.namespace}/{own.name}/{own.uid}".encode()

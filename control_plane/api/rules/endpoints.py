"""Rules and defaults of Endpoints and EndpointSlices.

Source: Kubernetes' pkg/apis/core/validation (ValidateEndpoints) and pkg/apis/discovery/validation.
"""

import ipaddress
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    IP,
    PORT,
    QUALIFIED_NAME,
    ip_errors,
    one_of,
)
from control_plane.api.rules.containers import PROTOCOLS
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import (
    default,
    default_pointer,
    each,
    immutable,
    into,
    required,
    rule,
    whole,
)
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import discovery_v1_pb2 as discovery

ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_MAX_ADDRESSES: Final = 100
_MAX_ENDPOINTS: Final = 1000
_MAX_PORTS: Final = 20_000


def check_endpoint_address(value: str, path: str, causes: Causes) -> None:
    """An address that a pod may have: no loopback, link-local, multicast or unspecified one."""
    if ip_errors(value):
        IP.check(value, path, causes)
        return
    address = ipaddress.ip_address(value)
    for holds, why in (
        (address.is_unspecified, f"may not be unspecified ({value})"),
        (address.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (address.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (address.is_multicast, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ):
        if holds:
            causes.append(say.invalid(path, value, why))


def _check_address(address: Any, path: str, causes: Causes) -> None:
    check_endpoint_address(address.ip, f"{path}.ip", causes)


ADDRESS: Final = Table(
    core.EndpointAddress,
    rules=(
        whole("ip is an address that a pod may have", _check_address),
        rule("hostname", DNS_LABEL),
        rule("nodeName", DNS_SUBDOMAIN),
    ),
)
PORT_TABLE: Final = Table(
    core.EndpointPort,
    rules=(
        rule("name", DNS_LABEL),
        rule("port", PORT, always=True),
        required("protocol"),
        rule("protocol", one_of(*PROTOCOLS)),
        rule("appProtocol", QUALIFIED_NAME),
    ),
    defaults=(default("protocol", "TCP"),),
)


def _check_subset(subset: Any, path: str, causes: Causes) -> None:
    if not subset.addresses and not subset.notReadyAddresses:
        causes.append(say.required(path, "must specify `addresses` or `notReadyAddresses`"))
    for index, port in enumerate(subset.ports):
        if len(subset.ports) > 1 and not port.name:
            causes.append(say.required(f"{path}.ports[{index}].name"))


ENDPOINTS: Final = Table(
    core.Endpoints,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        each(
            "subsets",
            Table(
                core.EndpointSubset,
                rules=(
                    whole("addresses; names of ports where there are several", _check_subset),
                    each("addresses", ADDRESS),
                    each("notReadyAddresses", ADDRESS),
                    each("ports", PORT_TABLE),
                ),
            ),
        ),
    ),
)


def _check_slice(item: Any, path: str, causes: Causes) -> None:
    if len(item.endpoints) > _MAX_ENDPOINTS:
        causes.append(say.too_many("endpoints", len(item.endpoints), _MAX_ENDPOINTS))
    if len(item.ports) > _MAX_PORTS:
        causes.append(say.too_many("ports", len(item.ports), _MAX_PORTS))
    for index, endpoint in enumerate(item.endpoints):
        here = f"endpoints[{index}].addresses"
        if not endpoint.addresses:
            causes.append(say.required(here, "must contain at least 1 address"))
        elif len(endpoint.addresses) > _MAX_ADDRESSES:
            causes.append(say.too_many(here, len(endpoint.addresses), _MAX_ADDRESSES))
        for place, address in enumerate(endpoint.addresses):
            _check_slice_address(item.addressType, address, f"{here}[{place}]", causes)
    _check_slice_ports(item, causes)


def _check_slice_address(kind: str, address: str, path: str, causes: Causes) -> None:
    if kind == "FQDN":
        DNS_SUBDOMAIN.check(address, path, causes)
        return
    check_endpoint_address(address, path, causes)
    if not ip_errors(address) and kind in ("IPv4", "IPv6"):
        version = ipaddress.ip_address(address).version
        if f"IPv{version}" != kind:
            causes.append(say.invalid(path, address, f"must be an {kind} address"))


def _check_slice_ports(item: Any, causes: Causes) -> None:
    seen: set[str] = set()
    for index, port in enumerate(item.ports):
        if port.name in seen:
            causes.append(say.duplicate(f"ports[{index}].name", port.name))
        seen.add(port.name)


SLICE_PORT: Final = Table(
    discovery.EndpointPort,
    rules=(
        whole(
            "name is a DNS label",
            lambda port, path, causes: DNS_LABEL.check(port.name, path, causes) if port.name else None,
            at="name",
        ),
        rule("port", PORT),
        required("protocol"),
        rule("protocol", one_of(*PROTOCOLS)),
        rule("appProtocol", QUALIFIED_NAME),
    ),
    defaults=(default_pointer("name", ""), default_pointer("protocol", "TCP")),
)
ENDPOINT_SLICE: Final = Table(
    discovery.EndpointSlice,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        required("addressType"),
        rule("addressType", one_of(*ADDRESS_TYPES)),
        each(
            "endpoints",
            Table(discovery.Endpoint, rules=(rule("hostname", DNS_LABEL), rule("nodeName", DNS_SUBDOMAIN))),
        ),
        each("ports", SLICE_PORT),
        whole("up to 1000 endpoints with up to 100 addresses of the type", _check_slice),
    ),
)

RULES: Final = (
    ObjectRules(ENDPOINTS),
    ObjectRules(ENDPOINT_SLICE, update=(immutable("addressType"),)),
)

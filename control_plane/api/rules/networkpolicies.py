"""Rules and defaults of NetworkPolicies.

Source: Kubernetes' pkg/apis/networking/validation and pkg/apis/networking/v1/defaults.go.
"""

import ipaddress
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import CIDR, PORT, PORT_OR_NAME, cidr_errors
from control_plane.api.rules.containers import PROTOCOLS
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default_by, default_pointer, each, into, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import networking_v1_pb2 as networking


def _check_port(port: Any, path: str, causes: Causes) -> None:
    if port.HasField("protocol") and port.protocol not in PROTOCOLS:
        causes.append(say.unsupported(f"{path}.protocol", port.protocol, PROTOCOLS))
    if port.HasField("port"):
        PORT_OR_NAME.check(port.port, f"{path}.port", causes)
    if port.HasField("endPort"):
        here, end = f"{path}.endPort", port.endPort
        if not port.HasField("port"):
            causes.append(say.required(f"{path}.port", "must be specified when `endPort` is specified"))
        elif port.port.type:
            causes.append(say.invalid(here, end, "may not be specified when `port` is non-numeric"))
        elif end < port.port.intVal:
            causes.append(say.invalid(here, end, "must be greater than or equal to `port`"))
        PORT.check(end, here, causes)


NETWORK_PORT: Final = Table(
    networking.NetworkPolicyPort,
    rules=(whole("a protocol and a port by number or name, or a range", _check_port),),
    defaults=(default_pointer("protocol", "TCP"),),
)


def _check_block(block: Any, path: str, causes: Causes) -> None:
    if not block.cidr:
        causes.append(say.required(f"{path}.cidr"))
        return
    CIDR.check(block.cidr, f"{path}.cidr", causes)
    if cidr_errors(block.cidr):
        return
    network = ipaddress.ip_interface(block.cidr).network
    for index, text in enumerate(getattr(block, "except")):
        here = f"{path}.except[{index}]"
        CIDR.check(text, here, causes)
        if cidr_errors(text):
            continue
        inner: Any = ipaddress.ip_interface(text).network
        if inner.version != network.version or not inner.subnet_of(network) or inner == network:
            why = "must be a strict subset of `cidr`"
            causes.append(say.invalid(here, text, why))


def _check_peer(peer: Any, path: str, causes: Causes) -> None:
    selected = peer.HasField("podSelector") or peer.HasField("namespaceSelector")
    if peer.HasField("ipBlock") and selected:
        causes.append(say.forbidden(path, "may not specify both ipBlock and another peer"))
    if not peer.HasField("ipBlock") and not selected:
        causes.append(say.required(path, "must specify a peer"))


PEER: Final = Table(
    networking.NetworkPolicyPeer,
    rules=(
        whole("pods and namespaces by selector, or an address range", _check_peer),
        into("podSelector", LABEL_SELECTOR),
        into("namespaceSelector", LABEL_SELECTOR),
        into(
            "ipBlock",
            Table(networking.IPBlock, rules=(whole("an address range and ranges within it", _check_block),)),
        ),
    ),
)
_POLICY_TYPES: Final = ("Ingress", "Egress")


def _check_types(spec: Any, path: str, causes: Causes) -> None:
    if len(spec.policyTypes) > len(_POLICY_TYPES):
        why = "may not specify more than two policyTypes"
        causes.append(say.invalid(path, list(spec.policyTypes), why))
        return
    for index, name in enumerate(spec.policyTypes):
        if name not in _POLICY_TYPES:
            causes.append(say.unsupported(f"{path}[{index}]", name, _POLICY_TYPES))


def _fill_types(spec: Any) -> None:
    if not spec.policyTypes:
        spec.policyTypes.append("Ingress")
        if spec.egress:
            spec.policyTypes.append("Egress")


NETWORK_POLICY: Final = Table(
    networking.NetworkPolicy,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                networking.NetworkPolicySpec,
                rules=(
                    into("podSelector", LABEL_SELECTOR),
                    each(
                        "ingress",
                        Table(
                            networking.NetworkPolicyIngressRule,
                            rules=(each("ports", NETWORK_PORT), each("from", PEER)),
                        ),
                    ),
                    each(
                        "egress",
                        Table(
                            networking.NetworkPolicyEgressRule,
                            rules=(each("ports", NETWORK_PORT), each("to", PEER)),
                        ),
                    ),
                    whole("Ingress, Egress or both", _check_types, at="policyTypes"),
                ),
                defaults=(
                    default_by("policyTypes", _fill_types, "Ingress, and Egress where there are such rules"),
                ),
            ),
        ),
    ),
)

RULES: Final = (ObjectRules(NETWORK_POLICY),)

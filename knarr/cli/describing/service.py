"""The description of a service."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.int_or_string import text_of
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import discovery_v1_pb2 as discovery


def describe(text: Text, obj: core.Service, related: Sequence[Message]) -> None:
    """Addresses, ports, and where they lead: the ready endpoints, and those that are not."""
    spec = obj.spec
    text.metadata(obj.metadata)
    text.mapping("Selector", spec.selector)
    text.field("Type", spec.type)
    if spec.externalName:
        text.field("External name", spec.externalName)
    text.field("Cluster IP", ", ".join(spec.clusterIPs) or spec.clusterIP)
    if spec.externalIPs:
        text.field("External IPs", ", ".join(spec.externalIPs))
    rows = [
        (
            port.name or "-",
            f"{port.port}/{port.protocol}",
            text_of(port.targetPort),
            str(port.nodePort) if port.nodePort else "-",
        )
        for port in spec.ports
    ]
    text.table("Ports", ("NAME", "PORT", "TARGET", "NODE PORT"), rows)
    slices = [found for found in related if isinstance(found, discovery.EndpointSlice)]
    text.listing("Endpoints", _addresses(slices, ready=True))
    if waiting := _addresses(slices, ready=False):
        text.listing("Not ready", waiting)
    text.field("Session affinity", spec.sessionAffinity)


def _addresses(slices: Sequence[discovery.EndpointSlice], *, ready: bool) -> list[str]:
    found: set[str] = set()
    for each in slices:
        ports = ",".join(str(port.port) for port in each.ports)
        for endpoint in each.endpoints:
            # Without a word of its readiness an endpoint counts as ready.
            is_ready = endpoint.conditions.ready or not endpoint.conditions.HasField("ready")
            if is_ready is ready:
                found.update(f"{address}:{ports}" for address in endpoint.addresses)
    return sorted(found)

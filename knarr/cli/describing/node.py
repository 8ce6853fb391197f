"""The description of a node."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.pod_amounts import exact, pod_total
from knarr.api.pods import is_finished
from knarr.api.quantity import NANOS, Quantity, cpu_millis, to_int
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import core_v1_pb2 as core

MIB = 2**20


def describe(text: Text, obj: core.Node, related: Sequence[Message]) -> None:
    """Conditions, taints, capacity, and the pods that run there with what they ask for."""
    status = obj.status
    text.metadata(obj.metadata)
    text.listing("Taints", [_taint(taint) for taint in obj.spec.taints])
    text.field("Unschedulable", "true" if obj.spec.unschedulable else "false")
    rows = [
        (found.type, found.status, text.when(found.lastTransitionTime), found.reason, found.message)
        for found in status.conditions
    ]
    text.table("Conditions", ("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"), rows)
    text.listing("Addresses", [f"{address.type}: {address.address}" for address in status.addresses])
    text.mapping("Capacity", {name: amount.string for name, amount in status.capacity.items()})
    text.mapping("Allocatable", {name: amount.string for name, amount in status.allocatable.items()})
    info = status.nodeInfo
    with text.block("System"):
        text.field("Operating system", f"{info.osImage} ({info.operatingSystem}/{info.architecture})")
        text.field("Kernel", info.kernelVersion)
        text.field("Container runtime", info.containerRuntimeVersion)
        text.field("Agent", info.kubeletVersion)
        text.field("Machine", info.machineID)
    pods = [found for found in related if isinstance(found, core.Pod) and not is_finished(found)]
    _pods(text, pods, status)


def _pods(text: Text, pods: Sequence[core.Pod], status: core.NodeStatus) -> None:
    rows = []
    total_cpu = total_memory = 0
    for pod in pods:
        cpu, memory = _requested(pod.spec)
        total_cpu, total_memory = total_cpu + cpu, total_memory + memory
        rows.append((pod.metadata.namespace, pod.metadata.name, f"{cpu}m", f"{memory // MIB}Mi"))
    text.table("Pods", ("NAMESPACE", "NAME", "CPU", "MEMORY"), rows)
    cpu_share = _percent(total_cpu, cpu_millis(status.allocatable["cpu"].string or "0"))
    memory_share = _percent(total_memory, to_int(status.allocatable["memory"].string or "0"))
    text.field(
        "Requested", f"cpu {total_cpu}m ({cpu_share}), memory {total_memory // MIB}Mi ({memory_share})"
    )


def _requested(spec: core.PodSpec) -> tuple[int, int]:
    """(cpu millis, memory bytes), as the scheduler counts them."""
    total, nothing = pod_total(spec, "requests", exact), Quantity(0)
    return total.get("cpu", nothing).ceil(NANOS // 1000), total.get("memory", nothing).ceil()


def _percent(part: int, whole: int) -> str:
    return f"{100 * part // whole}%" if whole else "-"


def _taint(taint: core.Taint) -> str:
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"

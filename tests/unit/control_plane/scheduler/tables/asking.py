"""What the decision tables ask: why a pod fits nowhere, which nodes take it, what a plugin's score is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Placed, Unschedulable
from control_plane.scheduler.evaluate import feasible, look, plugin_scores
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.profiles import DEFAULT
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import ZONE, Bench, make_node, make_pod

FITS: list[str] = []
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def bench(
    *nodes: core.Node,
    running: Sequence[core.Pod] = (),
    namespaces: Mapping[str, Mapping[str, str]] | None = None,
) -> Bench:
    """A cluster; `namespaces`: their labels."""
    made = Bench(*nodes, pods=running)
    for name, labels in (namespaces or {}).items():
        made.cluster.put_namespace(name, dict(labels))
    return made


def why(found: Bench, pod: core.Pod, profile: Profile = DEFAULT) -> list[str]:
    """The reasons, with counts, why no node takes the pod; [] when one does."""
    (decision,) = decide(found.cluster, [found.pending(pod)], profile)
    if isinstance(decision, Placed):
        found.cluster.undo(decision.pod.key, decision.pod.uid)
        return FITS
    assert isinstance(decision, Unschedulable)
    return sorted(f"{count} {reason}" for reason, count in decision.counts.items())


def fitting(found: Bench, pod: core.Pod, profile: Profile = DEFAULT) -> list[str]:
    """The nodes that take the pod."""
    view = look(found.cluster, found.pending(pod).shape)
    return sorted(view.nodes.names[np.flatnonzero(feasible(view, profile))].tolist())


def worth(plugin: str, found: Bench, pod: core.Pod, profile: Profile = DEFAULT) -> dict[str, int]:
    """node -> weighted score of one plugin; {} when it has no opinion."""
    view = look(found.cluster, found.pending(pod).shape)
    mask = feasible(view, profile)
    vector = plugin_scores(view, profile, mask).get(plugin)
    if vector is None:
        return {}
    return {name: int(vector[row]) for name, row in view.nodes.rows.items() if mask[row]}


def zoned(*zones: str, **more: Any) -> list[core.Node]:
    """Nodes "a1", "a2", "b1", … of zones "a", "b", … in their order."""
    counts: dict[str, int] = {}
    nodes = []
    for zone in zones:
        counts[zone] = counts.get(zone, 0) + 1
        nodes.append(make_node(f"{zone}{counts[zone]}", labels={ZONE: zone}, **more))
    return nodes


def there(*nodes: str, labels: Mapping[str, str] | None = None, **more: Any) -> list[core.Pod]:
    """A running pod on each of the nodes."""
    return [
        make_pod(f"there-{number}", node=node, labels=labels, **more) for number, node in enumerate(nodes)
    ]


def pod_of(spec: Mapping[str, Any], **metadata: Any) -> core.Pod:
    """A pod from its spec as in YAML."""
    named = {"name": "p", "namespace": "default", "uid": "uid-p", **metadata}
    return from_dict({"metadata": named, "spec": dict(spec)}, core.Pod)

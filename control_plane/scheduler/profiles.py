"""The default profile: Kubernetes' default plugins in their order, and their weights; and which profile a pod
has."""

from collections.abc import Sequence
from typing import Final

from control_plane.scheduler.filters.inter_pod_affinity import InterPodAffinity
from control_plane.scheduler.filters.node_affinity import NodeAffinity
from control_plane.scheduler.filters.node_name import NodeName
from control_plane.scheduler.filters.node_ports import NodePorts
from control_plane.scheduler.filters.node_resources_fit import NodeResourcesFit
from control_plane.scheduler.filters.node_unschedulable import NodeUnschedulable
from control_plane.scheduler.filters.pod_topology_spread import PodTopologySpread
from control_plane.scheduler.filters.taint_toleration import TaintToleration
from control_plane.scheduler.filters.volume_binding import VolumeBinding
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.scores.balanced_allocation import BalancedAllocation
from control_plane.scheduler.scores.image_locality import ImageLocality
from control_plane.scheduler.scores.inter_pod_affinity import InterPodAffinityScore
from control_plane.scheduler.scores.least_allocated import LeastAllocated
from control_plane.scheduler.scores.node_affinity import NodeAffinityScore
from control_plane.scheduler.scores.pod_topology_spread import PodTopologySpreadScore
from control_plane.scheduler.scores.taint_toleration import TaintTolerationScore

DEFAULT = Profile(
    name="default-scheduler",
    filters=(
        NodeUnschedulable(),
        NodeName(),
        TaintToleration(),
        NodeAffinity(),
        NodePorts(),
        NodeResourcesFit(),
        VolumeBinding(),
        PodTopologySpread(),
        InterPodAffinity(),
    ),
    scores=(
        (TaintTolerationScore(), 3),
        (NodeAffinityScore(), 2),
        (LeastAllocated(), 1),
        (PodTopologySpreadScore(), 2),
        (InterPodAffinityScore(), 2),
        (BalancedAllocation(), 1),
        (ImageLocality(), 1),
    ),
)

# Pods with one of these in spec.schedulerName have the default profile.
DEFAULT_NAMES: Final = ("", "default-scheduler", "knarr-scheduler")


class Profiles:
    """By what pods write into spec.schedulerName. There always is a default one, which a profile of its name
    replaces."""

    def __init__(self, profiles: Sequence[Profile] = ()) -> None:
        self._by_name = dict.fromkeys(DEFAULT_NAMES, DEFAULT)
        for profile in profiles:
            names = DEFAULT_NAMES if profile.name == DEFAULT.name else (profile.name,)
            self._by_name.update(dict.fromkeys(names, profile))

    def __contains__(self, scheduler_name: str) -> bool:
        return scheduler_name in self._by_name

    def of(self, scheduler_name: str) -> Profile:
        """Raises KeyError for pods that are another scheduler's."""
        return self._by_name[scheduler_name]

"""What the scheduler decides: values, without behaviour beyond their wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.framework import Cause
from control_plane.scheduler.nodes import Rows
from control_plane.scheduler.shape import Shape

NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class PendingPod:
    """A pod that waits for a node. `key` is "namespace/name"."""

    key: str
    uid: str
    shape: Shape
    nominated: str = ""  # the node on which room is being made for it
    gang: str = ""  # "namespace/name" of the group with which it is placed, or not at all

    @property
    def crowd(self) -> "Shape | str":
        """What it is decided about together with: its gang, or all that are alike."""
        return self.gang or self.shape


@dataclass(frozen=True, slots=True)
class Refused:
    """The nodes that one filter refused for one reason. A node can be in several of them when its filter
    gives several reasons (Insufficient cpu and memory), else only in that of the first filter to refuse
    it."""

    filter: str
    reason: str
    nodes: tuple[str, ...]
    evictable: bool  # evicting pods from these nodes can help
    rows: Rows = field(compare=False, repr=False)  # of the nodes, in the table as it is


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node takes the pod, and why: filter by filter, in their order."""

    pod: PendingPod
    nodes: int  # how many there are
    refused: tuple[Refused, ...]
    wakes: Cause  # what can change it, on the node where it happens
    wakes_anywhere: Cause  # the same, but on any node
    note: str = ""  # said before the reasons
    hint: str = ""  # said after them to people: what stands in the way for good

    @property
    def counts(self) -> dict[str, int]:
        """reason -> number of nodes."""
        counts: dict[str, int] = {}
        for refused in self.refused:
            counts[refused.reason] = counts.get(refused.reason, 0) + len(refused.nodes)
        return counts

    @property
    def message(self) -> str:
        """Kubernetes' sentence: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were
        unschedulable."."""
        if self.nodes == 0:
            return self.note + NO_NODES
        said = f"{self.note}0/{self.nodes} nodes are available:"
        reasons = sorted(f"{count} {reason}" for reason, count in self.counts.items())
        # No node was looked at where none has the name that is asked for; the hint then ends the sentence.
        return f"{said} {', '.join(reasons)}." if reasons else said

    @property
    def told(self) -> str:
        """The message and the hint."""
        return f"{self.message} {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Held:
    """A pod that is not tried at all until something else happens; `message` says what."""

    message: str
    counts: Mapping[str, int] = field(default_factory=dict)  # none: nothing was looked at

    @property
    def told(self) -> str:
        """The message."""
        return self.message


@dataclass(frozen=True, slots=True)
class Placed:
    """The pod goes to this node; the cluster assumes it already."""

    pod: PendingPod
    node: str


@dataclass(frozen=True, slots=True)
class Preemption:
    """The pod will fit on the node once the victims have gone (none: those of before are still going). Until
    then the cluster keeps the room for it. Most important victim first."""

    pod: PendingPod
    node: str
    victims: tuple[PlacedPod, ...]
    broken_budgets: int  # how many victims a budget protects
    refusal: Unschedulable


Decision = Placed | Unschedulable | Preemption

"""How a plan's cluster differs from the picture, and what became of its pods. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.gangs.membership import Policy
from control_plane.scheduler.nodes import NodeFacts
from control_plane.scheduler.selectors import Selector
from knarr.proto.kubernetes import core_v1_pb2 as core


@dataclass(frozen=True, slots=True)
class Stored:
    """A claim, volume or storage class as the plan has it, and as it is in the cluster; None: not there."""

    kind: type[Message]
    namespace: str
    name: str
    planned: Message | None
    known: Message | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Keys of pods are "namespace/name"."""

    nodes: tuple[NodeFacts, ...] = ()  # new, or as they would be
    gone_nodes: tuple[str, ...] = ()
    gone_pods: frozenset[str] = frozenset()
    placed: Mapping[str, tuple[core.Pod, str]] = field(default_factory=dict)  # new pods, and their nodes
    waiting: tuple[core.Pod, ...] = ()  # in the order in which they were made
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # their labels
    selectors: Mapping[str, Selector] = field(default_factory=dict)  # of new controllers, by uid
    storage: tuple[Stored, ...] = ()  # what differs
    policies: Mapping[str, Policy] = field(default_factory=dict)  # of gangs that documents make


@dataclass(slots=True)
class Placing:
    """What the scheduler decided, by key."""

    placed: dict[str, str] = field(default_factory=dict)  # node
    victims: dict[str, tuple[PlacedPod, ...]] = field(default_factory=dict)
    refused: dict[str, Unschedulable] = field(default_factory=dict)
    volumes: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)  # claim -> volume taken
    held: dict[str, str] = field(default_factory=dict)  # not even tried, and why
    helped: dict[str, str] = field(
        default_factory=dict
    )  # nodes of pods that wait already, for whom there is room

"""Places the pods of a recording, with the scheduler's own intake, queue and decision. Time is measured,
nothing else is done: no store, no bindings."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.api.messages import copy, metadata
from control_plane.objects.interface import ChangeType, ObjectKey
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Decision, PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.gangs.attempt import decide_gang
from control_plane.scheduler.intake import Intake
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.queue import Queue
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape
from knarr.api import kinds
from knarr.api.owners import controller_of
from knarr.api.pods import is_finished
from knarr.clock import Clock
from knarr.proto.kubernetes import core_v1_pb2 as core

_PORTION = 1_000
_OWN_NODE = ("DaemonSet", "Node")  # their pods are made for one node: they stay where they are


@dataclass(frozen=True, slots=True)
class Given:
    """The change that brings an object of a recording."""

    new: Message
    version: int = 1
    type: ChangeType = ChangeType.ADDED
    old: Message | None = None

    @property
    def key(self) -> ObjectKey:
        own = metadata(self.new)
        return ObjectKey(kinds.of(self.new).name, own.namespace, own.name)


@dataclass(slots=True)
class Played:
    """What came of it. Pods are named by "namespace/name"; times are seconds."""

    nodes: int = 0
    running: int = 0  # pods that had a node, and keep it
    waiting: int = 0  # pods without one
    load_s: float = 0.0
    decide_s: float = 0.0
    placed: dict[str, str] = field(default_factory=dict)  # node, in the order of the decisions
    victims: dict[str, str] = field(default_factory=dict)  # for whom they go
    refused: dict[str, Unschedulable] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)  # not tried, and why
    latencies_s: list[float] = field(default_factory=list)  # from when a group is taken to each decision


class Player:
    """One run. `rotation`: the row from which the search for the best of equal nodes begins."""

    def __init__(
        self,
        profiles: Profiles,
        clock: Clock,
        settings: SchedulerSettings | None = None,
        rotation: int = 0,
    ) -> None:
        self._profiles, self._clock, self._rotation = profiles, clock, rotation
        self._settings = settings or SchedulerSettings()
        self.outcome = Played()
        self.cluster = Cluster()
        self._queue = Queue(self._settings, random.Random(0))
        self._intake = Intake(
            self.cluster,
            self._queue,
            profiles,
            in_flight=lambda key: False,
            report=lambda key, verdict: self.outcome.held.update({key: verdict.message}),
            forget=lambda key: None,
        )

    def load(self, objects: Sequence[Message], *, all_pods: bool = False) -> None:
        """Take the recording in, the pods in the order in which they were made; `all_pods`: as if none of
        them had a node yet."""
        began = self._clock.monotonic()
        pods = [obj for obj in objects if isinstance(obj, core.Pod)]
        pods.sort(key=lambda pod: pod.metadata.creationTimestamp.seconds)
        if all_pods:
            pods = list(map(_unbound, pods))
        self._take_in([obj for obj in objects if not isinstance(obj, core.Pod)])
        self._take_in(pods)
        outcome = self.outcome
        outcome.held.update(self._not_tried(pods))
        outcome.load_s = self._clock.monotonic() - began
        outcome.nodes, outcome.running = self.cluster.nodes.count, len(self.cluster.pods)
        outcome.waiting = sum(map(_waits, pods))

    def _take_in(self, objects: Iterable[Message]) -> None:
        self._intake.collect(list(map(Given, objects)))
        while self._intake.waiting:
            self._intake.take_in(_PORTION)

    def _not_tried(self, pods: Iterable[core.Pod]) -> Iterable[tuple[str, str]]:
        for pod in filter(_waits, pods):
            key = f"{pod.metadata.namespace}/{pod.metadata.name}"
            if pod.spec.schedulingGates:
                yield key, "it has scheduling gates"
            elif pod.spec.schedulerName not in self._profiles:
                yield key, f"no profile is called {pod.spec.schedulerName}"

    def play(self) -> Played:
        """Decide about every pod that waits, once. Those for whom others are evicted have their nodes at
        once."""
        began = self._clock.monotonic()
        while taken := self._queue.take(lambda shape: self._settings.group_limit):
            self._decide(taken)
        self.outcome.decide_s = self._clock.monotonic() - began
        for key in self.outcome.placed:
            self.outcome.held.pop(key, None)
        return self.outcome

    def _decide(self, pods: Sequence[PendingPod]) -> None:
        began = self._clock.monotonic()
        decisions = self._of_gang(pods) if pods[0].gang else self._alone(pods)
        took = self._clock.monotonic() - began
        for number, decision in enumerate(decisions, 1):
            self._note(decision)
            self.outcome.latencies_s.append(took * number / len(decisions))
        decided = [decision.pod.key for decision in decisions]
        self._queue.settle(pods[0].crowd, decided, None, 0.0)

    def _alone(self, pods: Sequence[PendingPod]) -> Sequence[Decision]:
        budgets = tuple(self._intake.budgets.values())
        return decide(self.cluster, pods, self._profile_of(pods[0].shape), self._rotation, budgets)

    def _of_gang(self, pods: Sequence[PendingPod]) -> Sequence[Decision]:
        gang, budgets = pods[0].gang, tuple(self._intake.budgets.values())
        needs = self._intake.membership.needs(gang) or len(pods)
        made = decide_gang(self.cluster, gang, pods, needs, self._profile_of, self._rotation, budgets)
        decisions: list[Decision] = [*made.placed, *made.preemptions]
        leaving = {decision.pod.key for decision in decisions}
        staying = [pod.key for pod in pods if pod.key not in leaving]
        if made.refusal is not None:
            self.outcome.refused.update(dict.fromkeys(staying, made.refusal))
        self._queue.settle(gang, staying, None, 0.0)
        return decisions

    def _profile_of(self, shape: Shape) -> Profile:
        return self._profiles.of(shape.scheduler_name)

    def _note(self, decision: Decision) -> None:
        match decision:
            case Placed(pod=pod, node=node):
                self.outcome.placed[pod.key] = node
            case Preemption(pod=pod, node=node, victims=victims):
                self.outcome.placed[pod.key] = node
                for victim in victims:
                    self.cluster.remove_pod(victim.key)
                    self.outcome.placed.pop(victim.key, None)
                    self.outcome.victims[victim.key] = pod.key
            case Unschedulable(pod=pod):
                self.outcome.refused[pod.key] = decision


def _waits(pod: core.Pod) -> bool:
    going = pod.metadata.HasField("deletionTimestamp") or is_finished(pod)
    return not pod.spec.nodeName and not going


def _unbound(pod: core.Pod) -> core.Pod:
    """The pod before it had a node, unless it was made for one or is on its way out."""
    owner = controller_of(pod.metadata)
    fixed = owner is not None and owner.kind in _OWN_NODE
    if fixed or pod.metadata.HasField("deletionTimestamp") or is_finished(pod):
        return pod
    made = copy(pod)
    made.spec.nodeName = ""
    return made

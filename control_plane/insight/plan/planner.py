"""A plan from beginning to end: fork, documents, controllers and scheduler in turn until all is at rest, and
the answer. It reads the cluster and writes to the fork alone."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control_plane.api.api import WriteOptions
from control_plane.api.settings import ApiSettings
from control_plane.controllers.owners import controller_of
from control_plane.insight.pictures import Pictures
from control_plane.insight.plan.differences import changes
from control_plane.insight.plan.fork import Fork, forked
from control_plane.insight.plan.gathering import gather
from control_plane.insight.plan.layout import Layout, Placing
from control_plane.insight.plan.placing import advice, key_of, place
from control_plane.insight.plan.rehearsal import Rehearsal, makers_of_pods
from control_plane.insight.plan.telling import Story
from control_plane.objects.interface import ObjectKey, Objects
from control_plane.scheduler.gangs.membership import policy_of
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.selectors import compile_selector
from knarr.api.kinds import Kind
from knarr.clock import Clock
from knarr.errors import ApiError, NotFound, Subject
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services import object_service_pb2 as objects_wire

MOST_ROUNDS = 60
_FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be applied."""

    kind: Kind
    namespace: str
    name: str
    value: Mapping[str, Any]
    manager: str
    force: bool
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.kind.name, self.namespace, self.name)

    @property
    def reference(self) -> objects_wire.Reference:
        kind = self.kind
        return objects_wire.Reference(
            api_version=kind.api_version, kind=kind.name, namespace=self.namespace, name=self.name
        )


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans."""

    objects: Objects
    pictures: Pictures
    clock: Clock
    settings: ApiSettings = field(default_factory=ApiSettings)

    async def plan(self, documents: Sequence[Document], without: Sequence[str]) -> wire.PlanResponse:
        """What applying the documents, with those nodes gone, would do. Raises NotFound for a node that there
        is not; what is refused of the documents is part of the answer."""
        for name in without:
            if self.objects.get(core.Node, "", name) is None:
                raise NotFound(f'nodes "{name}" not found', subject=Subject(kind="nodes", name=name))
        begin = gather(self.objects, [document.key for document in documents])
        async with forked(begin, self.clock.now(), self.settings) as fork:
            run = _Run(self.objects, self.pictures, fork, tuple(without))
            for document in documents:
                await run.apply(document)
            return await run.finish()


class _Run:
    """One plan."""

    def __init__(self, objects: Objects, pictures: Pictures, fork: Fork, without: tuple[str, ...]) -> None:
        self._objects, self._pictures, self._fork, self._without = objects, pictures, fork, without
        self._rehearsal = Rehearsal(fork, makers_of_pods())
        self._before = {key_of(pod): pod for pod in fork.objects.list(core.Pod)}
        self._nodes: dict[str, core.Node] = {}
        self._gone: set[str] = set()
        self._homeless: dict[str, core.Pod] = {}  # stand in for pods outside of the fork that go
        self._placed: dict[str, tuple[core.Pod, str]] = {}
        self._outcome = Placing()
        self._story = Story(objects, fork.objects)

    async def apply(self, document: Document) -> None:
        """Apply a document to the fork, and tell what it changes."""
        told = self._story.answer.objects.add(reference=document.reference, warnings=document.warnings)
        before = self._fork.objects.get(document.kind.message, document.namespace, document.name)
        try:
            result = await self._fork.api.apply(
                document.kind,
                document.namespace,
                document.name,
                document.value,
                WriteOptions(document.manager),
                force=document.force,
            )
        except ApiError as error:
            told.refusal.CopyFrom(error.status())
            return
        told.outcome = result.outcome
        told.warnings.extend(result.warnings)
        if before is not None:
            told.changes.extend(changes(before, result.obj))
        if isinstance(result.obj, core.Node):
            self._nodes[document.name] = result.obj

    async def finish(self) -> wire.PlanResponse:
        """Let controllers and scheduler take turns until all is at rest; the answer."""
        await self._lose_nodes()
        for _ in range(MOST_ROUNDS):
            if not await self._round():
                break
        else:
            self._story.answer.unfinished = True
        await self._tell()
        return self._story.answer

    async def _round(self) -> bool:
        """One turn of each; whether anything came of it."""
        acted = await self._rehearsal.settle()
        ended = await self._rehearsal.end_deleted()
        waiting = self._waiting()
        known = {*self._outcome.refused, *self._outcome.held}
        if not (acted or ended) and {key_of(pod) for pod in waiting} <= known:
            return False
        self._outcome = await self._pictures.ask(lambda picture: place(picture, self._layout(waiting)))
        bound = await self._take_places(waiting)
        evicted = await self._evict()
        self._rehearsal.pass_time()
        return bool(acted or ended or bound or evicted)

    def _waiting(self) -> list[core.Pod]:
        inside = [pod for pod in self._fork.objects.list(core.Pod) if _waits(pod)]
        inside.sort(key=lambda pod: pod.metadata.creationTimestamp.seconds)
        return [*inside, *(pod for key, pod in self._homeless.items() if key not in self._placed)]

    def _layout(self, waiting: Sequence[core.Pod]) -> Layout:
        """How the cluster is by now."""
        fork = self._fork.objects
        there = {key_of(pod): pod for pod in fork.list(core.Pod)}
        gone = {*self._gone, *(key for key, pod in self._before.items() if _left(pod, there.get(key)))}
        return Layout(
            nodes=tuple(map(node_facts, self._nodes.values())),
            gone_nodes=self._without,
            gone_pods=frozenset(gone),
            placed=dict(self._placed),
            waiting=tuple(waiting),
            namespaces={one.metadata.name: dict(one.metadata.labels) for one in fork.list(core.Namespace)},
            selectors={
                one.metadata.uid: compile_selector(one.spec.selector)
                for one in fork.list(apps.ReplicaSet)
                if self._objects.get(apps.ReplicaSet, one.metadata.namespace, one.metadata.name) is None
            },
            policies={
                f"{one.metadata.namespace}/{one.metadata.name}": policy_of(one)
                for one in fork.list(groups.PodGroup)
            },
        )

    async def _take_places(self, waiting: Sequence[core.Pod]) -> bool:
        placed = [
            (pod, self._outcome.placed[key_of(pod)]) for pod in waiting if key_of(pod) in self._outcome.placed
        ]
        await self._rehearsal.bind([(pod, node) for pod, node in placed if key_of(pod) not in self._homeless])
        for pod, node in placed:
            self._placed[key_of(pod)] = (pod, node)
        self._placed = {
            key: found for key, found in self._placed.items() if key in self._homeless or self._in_fork(key)
        }
        return bool(placed)

    def _in_fork(self, key: str) -> bool:
        namespace, _, name = key.partition("/")
        return self._fork.objects.get(core.Pod, namespace, name) is not None

    async def _evict(self) -> bool:
        """Victims of preemption go; those who own them make others."""
        victims = [(key, victim) for key, some in self._outcome.victims.items() for victim in some]
        for key, victim in victims:
            self._placed.pop(victim.key, None)
            pod = await self._lose(victim.key)
            if pod is not None:
                self._story.lost(pod, wire.PodLoss.PREEMPTED, for_pod=key)
        return bool(victims)

    async def _lose_nodes(self) -> None:
        for name in self._without:
            for pod in self._objects.list(core.Pod, node_name=name):
                if pod.status.phase in _FINISHED or pod.metadata.HasField("deletionTimestamp"):
                    continue
                if await self._lose(key_of(pod)) is not None:
                    self._story.lost(pod, wire.PodLoss.NODE_GONE)
            await asyncio.sleep(0)

    async def _lose(self, key: str) -> core.Pod | None:
        """A pod goes, against its owner's will: in the fork its controller notices, else another stands in
        for it. Returns it, None when it is not known."""
        namespace, _, name = key.partition("/")
        self._gone.add(key)
        inside = self._fork.objects.get(core.Pod, namespace, name)
        if inside is not None:
            await self._rehearsal.delete(inside)
            return inside
        pod = self._homeless.pop(key, None) or self._objects.get(core.Pod, namespace, name)
        if pod is not None and self._story.is_replaced(pod):
            again = stand_in(pod)
            self._homeless[key_of(again)] = again
        return pod

    async def _tell(self) -> None:
        """What became of all pods."""
        there = {key_of(pod): pod for pod in self._fork.objects.list(core.Pod)}
        waiting = [pod for pod in self._waiting() if key_of(pod) in self._outcome.refused]
        helps = await self._pictures.ask(
            lambda picture: advice(picture, self._layout(self._waiting()), waiting)
        )
        for key, pod in {**there, **self._homeless}.items():
            if key not in self._before or (
                key in self._outcome.refused and not self._before[key].spec.nodeName
            ):
                node = self._placed[key][1] if key in self._placed else ""
                self._story.made(pod, node, self._outcome, helps.get(key))
        for key, pod in self._before.items():
            if key not in there and key not in self._gone:
                self._story.lost(pod, wire.PodLoss.SCALED_DOWN)
        self._story.failures(self._rehearsal.failures)
        budgets = await self._pictures.ask(lambda picture: picture.named_budgets)
        self._story.broken_budgets(budgets)


def _waits(pod: core.Pod) -> bool:
    going = pod.metadata.HasField("deletionTimestamp")
    return not pod.spec.nodeName and pod.status.phase not in _FINISHED and not going


def _left(before: core.Pod, now: core.Pod | None) -> bool:
    """Whether a pod that had a node is not there any more."""
    return bool(before.spec.nodeName) and (now is None or now.metadata.uid != before.metadata.uid)


def stand_in(pod: core.Pod) -> core.Pod:
    """A pod such as its owner would make in its place, with a made-up name unless its owner chooses it."""
    again = core.Pod()
    again.CopyFrom(pod)
    again.spec.nodeName = ""
    again.ClearField("status")
    again.metadata.uid = f"{pod.metadata.uid}-again"
    owner = controller_of(pod.metadata)
    if owner is None or owner.kind != "StatefulSet":
        again.metadata.name = f"{pod.metadata.name}-again"
    return again

"""One plan as it is followed: controllers and scheduler take turns on the fork until all is at rest."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.message import Message

from control_plane.api.api import WriteOptions
from control_plane.api.messages import copy, encode, metadata
from control_plane.insight.pictures import Pictures
from control_plane.insight.plan.differences import changes
from control_plane.insight.plan.documents import Document, wanted_pods
from control_plane.insight.plan.fork import Fork
from control_plane.insight.plan.layout import Layout, Placing, Stored
from control_plane.insight.plan.placing import advice, key_of, place
from control_plane.insight.plan.rehearsal import Rehearsal, followed_controllers
from control_plane.insight.plan.telling import Story
from control_plane.objects.interface import Objects
from control_plane.scheduler.gangs.membership import policy_of
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.selectors import compile_selector
from knarr.api.codec import from_dict
from knarr.api.owners import controller_of
from knarr.api.pods import is_finished
from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from knarr.proto.services import insight_service_pb2 as wire

MOST_ROUNDS = 1_000
FOLLOWED_S = 15.0  # then the answer says how far it came
_SLICE = 50  # pods dealt with before others run
_STORAGE: tuple[type[Message], ...] = (
    core.PersistentVolumeClaim,
    core.PersistentVolume,
    storage.StorageClass,
)


class Run:
    """See the module's docstring. `objects` are the cluster's, and only read."""

    def __init__(self, objects: Objects, pictures: Pictures, fork: Fork, without: tuple[str, ...]) -> None:
        self._objects, self._pictures, self._fork, self._without = objects, pictures, fork, without
        self._rehearsal = Rehearsal(fork, followed_controllers(fork.clock))
        self._before = {key_of(pod): pod for pod in fork.objects.list(core.Pod)}
        self._nodes: dict[str, core.Node] = {}
        self._gone: set[str] = set()
        self._homeless: dict[str, core.Pod] = {}  # stand in for pods outside of the fork that go
        self._placed: dict[str, tuple[core.Pod, str]] = {}
        self._outcome = Placing()
        self._rounds = 0  # the first is made in any case: nodes alone may have changed
        self._story = Story(objects, fork.objects)

    async def apply(self, document: Document) -> int:
        """Apply a document to the fork, and tell what it changes. Returns how many pods it asks for."""
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
            return 0
        told.outcome = result.outcome
        told.warnings.extend(result.warnings)
        if before is not None:
            told.changes.extend(changes(before, result.obj))
        if isinstance(result.obj, core.Node):
            self._nodes[document.name] = result.obj if before is not None else joined(result.obj, document)
        return wanted_pods(result.obj)

    async def finish(self, clock: Clock) -> wire.PlanResponse:
        """Let controllers and scheduler take turns until all is at rest, or for as long as may be; the
        answer. `clock`: the machine's; the fork has one of its own."""
        ends_at = clock.monotonic() + FOLLOWED_S
        await self._lose_nodes()
        while await self._round():
            if self._rounds == MOST_ROUNDS or clock.monotonic() >= ends_at:
                self._story.answer.unfinished = True
                break
        await self._tell()
        return self._story.answer

    async def _round(self) -> bool:
        """One turn of each; whether anything came of it."""
        acted = await self._rehearsal.settle()
        pods = await self._pods()
        ended = await self._rehearsal.end_deleted(pods)
        waiting = self._waiting(pods)
        known = {*self._outcome.refused, *self._outcome.held}
        if self._rounds and not (acted or ended) and {key_of(pod) for pod in waiting} <= known:
            return False
        self._rounds += 1
        layout = self._layout(pods, waiting)
        self._outcome = await self._pictures.ask(lambda picture: place(picture, layout))
        bound = await self._take_places(waiting)
        evicted = await self._evict()
        self._rehearsal.pass_time()
        return bool(acted or ended or bound or evicted)

    async def _pods(self) -> dict[str, core.Pod]:
        """The pods of the fork, by key."""
        found: dict[str, core.Pod] = {}
        for number, key in enumerate(self._fork.objects.keys(core.Pod), 1):
            pod = self._fork.objects.get(core.Pod, key.namespace, key.name)
            if pod is not None:
                found[key_of(pod)] = pod
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return found

    def _waiting(self, pods: Mapping[str, core.Pod]) -> list[core.Pod]:
        inside = sorted(filter(_waits, pods.values()), key=_age)
        return [*inside, *(pod for key, pod in self._homeless.items() if key not in self._placed)]

    def _layout(self, pods: Mapping[str, core.Pod], waiting: Sequence[core.Pod]) -> Layout:
        """How the cluster is by now."""
        fork = self._fork.objects
        gone = {*self._gone, *(key for key, pod in self._before.items() if _left(pod, pods.get(key)))}
        self._placed = {
            key: found for key, found in self._placed.items() if key in self._homeless or key in pods
        }
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
            storage=tuple(self._storage()),
            policies={
                f"{one.metadata.namespace}/{one.metadata.name}": policy_of(one)
                for one in fork.list(groups.PodGroup)
            },
        )

    def _storage(self) -> Iterator[Stored]:
        """Claims, volumes and classes that are not as they are in the cluster."""
        for kind in _STORAGE:
            for planned in self._fork.objects.list(kind):
                own = metadata(planned)
                known = self._objects.get(kind, own.namespace, own.name)
                if known is None or _content(known) != _content(planned):
                    yield Stored(kind, own.namespace, own.name, planned, known)

    async def _take_places(self, waiting: Sequence[core.Pod]) -> bool:
        nodes = self._outcome.placed
        placed = [(pod, nodes[key_of(pod)]) for pod in waiting if key_of(pod) in nodes]
        inside = [(pod, node) for pod, node in placed if key_of(pod) not in self._homeless]
        for first in range(0, len(inside), _SLICE):
            await self._rehearsal.bind(inside[first : first + _SLICE])
        for volumes in self._outcome.volumes.values():
            await self._rehearsal.take_volumes(volumes)
        self._placed |= {key_of(pod): (pod, node) for pod, node in placed}
        return bool(placed)

    async def _evict(self) -> bool:
        """Victims of preemption go; those who own them make others."""
        victims = [(key, victim) for key, some in self._outcome.victims.items() for victim in some]
        for key, victim in victims:
            self._placed.pop(victim.key, None)
            pod = await self._lose(victim.key)
            if pod is not None and not pod.metadata.HasField("deletionTimestamp"):
                self._story.lost(pod, wire.PodLoss.PREEMPTED, for_pod=key)
        return bool(victims)

    async def _lose_nodes(self) -> None:
        for name in self._without:
            for pod in self._objects.list(core.Pod, node_name=name):
                if is_finished(pod) or pod.metadata.HasField("deletionTimestamp"):
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
        there = await self._pods()
        waiting = self._waiting(there)
        layout = self._layout(there, waiting)
        refused = [pod for pod in waiting if key_of(pod) in self._outcome.refused]
        helps = await self._pictures.ask(lambda picture: advice(picture, layout, refused))
        for number, (key, pod) in enumerate({**there, **self._homeless}.items(), 1):
            if key not in self._before or not self._before[key].spec.nodeName:
                node = self._placed[key][1] if key in self._placed else ""
                self._story.made(pod, node, self._outcome, helps.get(key))
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        for key, node in self._outcome.helped.items():
            self._story.helped(key, node)
        for key, pod in self._before.items():
            if key not in there and key not in self._gone:
                self._story.lost(pod, wire.PodLoss.SCALED_DOWN)
        self._story.failures(self._rehearsal.failures)
        self._story.broken_budgets(await self._pictures.ask(lambda picture: picture.named_budgets))


def _content(obj: Message) -> bytes:
    return encode(copy(obj))


def _age(pod: core.Pod) -> tuple[int, str]:
    return pod.metadata.creationTimestamp.seconds, pod.metadata.name


def _waits(pod: core.Pod) -> bool:
    going = pod.metadata.HasField("deletionTimestamp")
    return not pod.spec.nodeName and not is_finished(pod) and not going


def _left(before: core.Pod, now: core.Pod | None) -> bool:
    """Whether a pod that had a node is not there any more."""
    return bool(before.spec.nodeName) and (now is None or now.metadata.uid != before.metadata.uid)


def joined(node: core.Node, document: Document) -> core.Node:
    """A new node as if its agent had come: with what the document says that it has to give."""
    made = core.Node()
    made.CopyFrom(node)
    made.status.CopyFrom(from_dict(document.value.get("status") or {}, core.NodeStatus))
    if not made.status.allocatable:
        made.status.allocatable.MergeFrom(made.status.capacity)
    return made


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

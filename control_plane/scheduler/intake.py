"""Turns changes of objects into changes of the scheduler's picture and queue. No I/O; time is an argument.

Changes are collected by key, the newest alone, and taken in by portions, so that neither a burst nor the
first full list holds the event loop. What they can help is collected too (Wakes) and looked at once for many
changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from google.protobuf.message import Message

from control_plane.objects.interface import ObjectChange, ObjectKey
from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decisions import Held, PendingPod, Unschedulable
from control_plane.scheduler.evaluate import could_fit
from control_plane.scheduler.framework import Cause, Profile
from control_plane.scheduler.gangs.membership import Membership, policy_of
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.queue import Queue
from control_plane.scheduler.selectors import compile_selector
from control_plane.scheduler.shaping import Shapes
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from knarr.proto.kubernetes import storage_v1_pb2 as storage

NOTHING = Cause(0)
_CONTROLLERS = (apps.ReplicaSet, apps.StatefulSet, core.ReplicationController)
# What the picture is made of.
LOOKED_AT: tuple[type[Message], ...] = (
    core.Namespace,
    core.Service,
    policy.PodDisruptionBudget,
    storage.StorageClass,
    core.PersistentVolume,
    core.PersistentVolumeClaim,
    scheduling.PodGroup,
    *_CONTROLLERS,
    core.Node,
    core.Pod,
)


@dataclass(slots=True)
class Wakes:
    """What has happened since parked pods were last looked at: causes, and the rows they concern."""

    causes: Cause = NOTHING
    rows: dict[Cause, set[int]] = field(default_factory=dict)

    def add(self, cause: Cause, row: int | None) -> None:
        self.causes |= cause
        if row is not None:
            self.rows.setdefault(cause, set()).add(row)

    def helps(self, verdict: Unschedulable, cluster: Cluster, profile: Profile) -> bool:
        """Whether a pod with this verdict may fit now. Refusals that look at other nodes' pods are trusted to
        their typed cause; all others are checked on the rows that have changed."""
        if self.causes & verdict.wakes_anywhere:
            return True
        rows = set[int]().union(*(rows for cause, rows in self.rows.items() if cause & verdict.wakes))
        if not rows:
            return False
        return could_fit(cluster, verdict.pod.shape, profile, np.array(sorted(rows), np.intp))


class Intake:
    """See the module's docstring. `report` is called for a new pod whose like are parked already."""

    def __init__(
        self,
        cluster: Cluster,
        queue: Queue,
        profiles: Profiles,
        in_flight: Callable[[str], bool],
        report: Callable[[str, Unschedulable | Held], None],
        forget: Callable[[str], None],
    ) -> None:
        self.wakes = Wakes()
        self._cluster, self._queue, self._profiles = cluster, queue, profiles
        self._in_flight, self._report, self._forget = in_flight, report, forget
        self.membership = Membership()
        self.budgets: dict[ObjectKey, Budget] = {}
        self._shapes = Shapes()
        self._changes: dict[ObjectKey, ObjectChange] = {}
        self._controllers: dict[ObjectKey, str] = {}  # their uids

    def collect(self, changes: Sequence[ObjectChange]) -> None:
        """Keep the newest change of each object."""
        for change in changes:
            self._changes[change.key] = change

    @property
    def waiting(self) -> int:
        """How many changes are still to be taken in."""
        return len(self._changes)

    def take_in(self, most: int) -> None:
        """Apply up to `most` changes."""
        for key in [key for key, _ in zip(self._changes, range(most), strict=False)]:
            self._apply(key, self._changes.pop(key).new)

    def _apply(self, key: ObjectKey, new: Message | None) -> None:
        match key.kind:
            case "Pod":
                self.apply_pod(f"{key.namespace}/{key.name}", new if isinstance(new, core.Pod) else None)
            case "Node":
                self.apply_node(key.name, new if isinstance(new, core.Node) else None)
            case "Namespace":
                self._apply_namespace(key.name, new if isinstance(new, core.Namespace) else None)
            case "Service":
                selector = dict(new.spec.selector) if isinstance(new, core.Service) else {}
                self._cluster.default_selectors.put_service(key.namespace, key.name, selector)
            case "PodDisruptionBudget":
                self._apply_budget(key, new if isinstance(new, policy.PodDisruptionBudget) else None)
            case "PersistentVolumeClaim" | "PersistentVolume" | "StorageClass":
                self._apply_storage(key, new)
            case "PodGroup":
                self._apply_group(key, new if isinstance(new, scheduling.PodGroup) else None)
            case _:
                self._apply_controller(key, new)

    def _apply_namespace(self, name: str, namespace: core.Namespace | None) -> None:
        if namespace is None:
            self._cluster.remove_namespace(name)
        else:
            self._cluster.put_namespace(name, dict(namespace.metadata.labels))
            self.wakes.add(Cause.NAMESPACE, None)

    def _apply_budget(self, key: ObjectKey, budget: policy.PodDisruptionBudget | None) -> None:
        self.budgets.pop(key, None)
        if budget is not None and budget.spec.HasField("selector"):
            status, selector = budget.status, compile_selector(budget.spec.selector)
            going = frozenset(status.disruptedPods)
            self.budgets[key] = Budget(key.namespace, selector, status.disruptionsAllowed, going)

    def _apply_storage(self, key: ObjectKey, new: Message | None) -> None:
        known = self._cluster.storage
        if key.kind == "PersistentVolumeClaim":
            claim = new if isinstance(new, core.PersistentVolumeClaim) else None
            known.put_claim((key.namespace, key.name), claim)
        elif key.kind == "PersistentVolume":
            known.put_volume(key.name, new if isinstance(new, core.PersistentVolume) else None)
        else:
            known.put_class(key.name, new if isinstance(new, storage.StorageClass) else None)
        self.wakes.add(Cause.STORAGE, None)

    def _apply_group(self, key: ObjectKey, group: scheduling.PodGroup | None) -> None:
        gang = f"{key.namespace}/{key.name}"
        if group is None:
            self.membership.remove(gang)
        else:
            self.membership.put(gang, policy_of(group))
        self._gang_changed(gang)
        for pod in self._queue.of_gang(gang):
            if not self._is_gang(gang):  # each by itself from now on
                self._queue.remove(pod.key)
                self._waits(replace(pod, gang=""))
            else:
                self._report_held(pod)

    def _is_gang(self, gang: str) -> bool:
        """Whether its pods are placed together; also of a group that is not there yet."""
        policy = self.membership.policy(gang)
        return policy is None or policy.at_least > 0

    def _gang_changed(self, gang: str) -> None:
        self._queue.gang_needs(gang, self.membership.needs(gang))

    def _report_held(self, pod: PendingPod) -> None:
        """Say what a pod of a gang waits for when the gang is not even tried. The sentence has no counts that
        change with each pod that comes."""
        policy, needs = self.membership.policy(pod.gang), self.membership.needs(pod.gang)
        if policy is None:
            self._report(pod.key, Held(f"waiting for PodGroup {pod.gang}, which does not exist"))
        elif needs is not None and self._queue.count_of_gang(pod.gang) < needs:
            pods = f"the {policy.at_least} pods that must run together"
            self._report(pod.key, Held(f"waiting until gang {pod.gang} has {pods}"))

    def _apply_controller(self, key: ObjectKey, new: Message | None) -> None:
        uid, selector = "", meta.LabelSelector()
        if isinstance(new, apps.ReplicaSet | apps.StatefulSet):
            uid, selector = new.metadata.uid, new.spec.selector
        elif isinstance(new, core.ReplicationController):
            uid, selector = new.metadata.uid, meta.LabelSelector(matchLabels=dict(new.spec.selector))
        known = self._controllers.pop(key, "")
        if known != uid:
            self._cluster.default_selectors.remove_controller(known)
        if uid:
            self._controllers[key] = uid
            self._cluster.default_selectors.put_controller(uid, compile_selector(selector))

    def apply_node(self, name: str, node: core.Node | None) -> None:
        """Learn of a node, or (None) that it is gone."""
        nodes = self._cluster.nodes
        if node is None:
            self._cluster.remove_node(name)
            return
        row = nodes.rows.get(name)
        before = None if row is None else nodes.facts[row]
        row = self._cluster.put_node(facts := node_facts(node))
        if before is None:
            self.wakes.add(Cause.NODE_ADDED, row)
            return
        if before.allocatable != facts.allocatable:
            self.wakes.add(Cause.NODE_ALLOCATABLE, row)
        if before.labels != facts.labels:
            self.wakes.add(Cause.NODE_LABELS, row)
        if before.taints != facts.taints or before.unschedulable != facts.unschedulable:
            self.wakes.add(Cause.NODE_TAINTS, row)

    def apply_pod(self, key: str, pod: core.Pod | None) -> None:
        """Learn of a pod, or (None) that it is gone."""
        if pod is None or is_finished(pod):
            self._gone(key)
        elif pod.spec.nodeName:
            self._placed(key, pod)
        elif not self._is_ours(pod):
            self._gone(key)
        elif not self._in_flight(key):
            nominated = pod.status.nominatedNodeName  # by another leader, or by us
            shape = self._shapes.of(pod)
            gang = f"{shape.namespace}/{shape.group}" if shape.group else ""
            gang = gang if gang and self._is_gang(gang) else ""
            self._waits(PendingPod(key, pod.metadata.uid, shape, nominated, gang))

    def _gone(self, key: str) -> None:
        self._queue.remove(key)
        self._forget(key)
        before = self._cluster.remove_pod(key)
        if before is not None:
            self.wakes.add(Cause.POD_GONE, self._cluster.nodes.rows.get(before.node))
            self._count_member(before, placed=False)

    def _count_member(self, pod: PlacedPod, placed: bool) -> None:
        if pod.shape.group:
            gang = f"{pod.shape.namespace}/{pod.shape.group}"
            (self.membership.placed if placed else self.membership.gone)(gang, pod.key)
            self._gang_changed(gang)

    def _waits(self, pod: PendingPod) -> None:
        known = self._cluster.pods.get(pod.key)
        if known is not None and known.assumed and known.uid == pod.uid and known.shape is pod.shape:
            return  # room is kept for it
        before = self._cluster.remove_pod(pod.key)  # one of the same name that was bound, or as it was before
        if before is not None:
            self._count_member(before, placed=False)
        verdict = self._queue.add(pod)
        if verdict is not None:
            self._report(pod.key, verdict)
        elif pod.gang:
            self._gang_changed(pod.gang)
            self._report_held(pod)

    def _placed(self, key: str, pod: core.Pod) -> None:
        self._queue.remove(key)
        self._forget(key)
        before = self._cluster.pods.get(key)
        placed = PlacedPod(
            key,
            pod.metadata.uid,
            self._shapes.of(pod),
            pod.spec.nodeName,
            terminating=pod.metadata.HasField("deletionTimestamp"),
            started=float(pod.status.startTime.seconds),
        )
        self._cluster.put_pod(placed)
        self._count_member(placed, placed=True)
        row = self._cluster.nodes.rows.get(placed.node)
        if before is None or before.shape is not placed.shape or before.node != placed.node:
            self.wakes.add(Cause.POD_PLACED, row)
            if before is not None:
                self.wakes.add(Cause.POD_GONE, self._cluster.nodes.rows.get(before.node))
        elif placed.terminating and not before.terminating:
            self.wakes.add(Cause.POD_GONE, row)

    def _is_ours(self, pod: core.Pod) -> bool:
        """Whether we are to schedule this unbound pod."""
        return (
            pod.spec.schedulerName in self._profiles
            and not pod.spec.schedulingGates
            and not pod.metadata.HasField("deletionTimestamp")
        )

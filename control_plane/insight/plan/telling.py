"""Puts what became of a plan into its answer. Only reads."""

from collections.abc import Mapping

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.controllers.actions import Failure
from control_plane.insight.plan.layout import Placing
from control_plane.insight.why.answers import reference_of
from control_plane.objects.interface import ObjectKey, Objects
from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.shaping import Shapes
from knarr.api import kinds
from knarr.api.kinds import POD, POD_DISRUPTION_BUDGET
from knarr.api.owners import controller_of
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.object_service_pb2 import Reference

_NOT_MADE_AGAIN = ("DaemonSet", "Node")  # where the node is gone


class Story:
    """The answer in the making. `objects` are the cluster's, `fork` those of the plan."""

    def __init__(self, objects: Objects, fork: Objects) -> None:
        self._objects, self._fork = objects, fork
        self._lost: list[core.Pod] = []
        self._victims: dict[str, list[str]] = {}  # by the pod for which they go
        self.answer = wire.PlanResponse()

    def is_replaced(self, pod: core.Pod) -> bool:
        """Whether its owner makes another in its place: not one that is deleted itself, nor for a pod that
        ends already."""
        owner = controller_of(pod.metadata)
        if owner is None or owner.kind in _NOT_MADE_AGAIN or pod.metadata.HasField("deletionTimestamp"):
            return False
        kind = kinds.find(owner.apiVersion, owner.kind)
        if kind is None:
            return True  # somebody else's
        there = self._get(kind.message, pod.metadata.namespace, owner.name)
        own = None if there is None else metadata(there)
        return own is not None and own.uid == owner.uid and not own.HasField("deletionTimestamp")

    def lost(self, pod: core.Pod, cause: wire.PodLoss.Cause.ValueType, for_pod: str = "") -> None:
        """A pod goes."""
        if cause != wire.PodLoss.SCALED_DOWN:
            self._lost.append(pod)
        if for_pod:
            self._victims.setdefault(for_pod, []).append(f"{pod.metadata.namespace}/{pod.metadata.name}")
        self.answer.losses.add(
            reference=reference_of(POD, pod),
            node=pod.spec.nodeName,
            cause=cause,
            owner=self._owner(pod),
            replaced=cause != wire.PodLoss.SCALED_DOWN and self.is_replaced(pod),
            for_pod=for_pod,
        )

    def made(self, pod: core.Pod, node: str, outcome: Placing, helps: wire.Refusals | None) -> None:
        """A pod is made, and has a node or waits."""
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        told = self.answer.pods.add(reference=reference_of(POD, pod), owner=self._owner(pod), node=node)
        if not node:
            refused = outcome.refused.get(key)
            told.message = outcome.held.get(key, "") if refused is None else refused.message
            if helps is not None:
                told.refusals.CopyFrom(helps)
        told.victims.extend(self._victims.get(key, ()))

    def helped(self, key: str, node: str) -> None:
        """There is room for a pod that waits already."""
        namespace, _, name = key.partition("/")
        pod = self._objects.get(core.Pod, namespace, name)
        if pod is not None:
            self.answer.pods.add(
                reference=reference_of(POD, pod), owner=self._owner(pod), node=node, waited=True
            )

    def failures(self, failures: Mapping[ObjectKey, Failure]) -> None:
        """What controllers may not do."""
        for key, failure in failures.items():
            what = "its pods are refused" if failure.action == "Create" else "it cannot be changed"
            self.answer.warnings.append(f"{key.kind}/{key.name}: {what}: {failure.message}")

    def broken_budgets(self, budgets: Mapping[ObjectKey, Budget]) -> None:
        """The budgets of which more pods go than may."""
        shapes = Shapes()
        gone = [
            PlacedPod(f"{pod.metadata.namespace}/{pod.metadata.name}", pod.metadata.uid, shapes.of(pod), "")
            for pod in self._lost
        ]
        for key, budget in budgets.items():
            lost = sum(map(budget.protects, gone))
            if lost > budget.allowed:
                reference = Reference(
                    api_version=POD_DISRUPTION_BUDGET.api_version,
                    kind=key.kind,
                    namespace=key.namespace,
                    name=key.name,
                )
                self.answer.budgets.add(reference=reference, allowed=budget.allowed, lost=lost)

    def _owner(self, obj: Message) -> str:
        """The topmost controller, "Deployment/web"; "" for none."""
        found, own = "", metadata(obj)
        while (owner := controller_of(own)) is not None:
            found = f"{owner.kind}/{owner.name}"
            kind = kinds.find(owner.apiVersion, owner.kind)
            above = None if kind is None else self._get(kind.message, own.namespace, owner.name)
            if above is None:
                break
            own = metadata(above)
        return found

    def _get(self, kind: type[Message], namespace: str, name: str) -> Message | None:
        return self._fork.get(kind, namespace, name) or self._objects.get(kind, namespace, name)

"""The scheduler's picture of the cluster, kept for questions: on any replica, leader or not.

Fed by the same intake as the scheduler's own, so that both see the same. Used by one thread at a time.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from control_plane.objects.interface import ObjectChange, ObjectKey
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.gangs.membership import Membership, group_of
from control_plane.scheduler.intake import Intake, Wakes
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.queue import Queue
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape
from knarr.errors import ApiError, InternalError
from knarr.proto.kubernetes import core_v1_pb2 as core

T = TypeVar("T")
_PORTION = 1_000


class Picture:
    """See the module's docstring. `broken`: something failed on the way, and it may be half changed."""

    def __init__(self, profiles: Profiles) -> None:
        self.profiles = profiles
        self.cluster = Cluster()
        self.broken = False
        self._queue = Queue(SchedulerSettings(), random.Random(0))
        self._intake = Intake(
            self.cluster,
            self._queue,
            profiles,
            in_flight=lambda key: False,
            report=lambda key, verdict: None,  # that is the scheduler's to do
            forget=lambda key: None,
        )

    def take_in(self, changes: Iterable[ObjectChange]) -> None:
        """Bring the picture up to date."""
        self.broken = True
        self._intake.collect(tuple(changes))
        while self._intake.waiting:
            self._intake.take_in(_PORTION)
        self._intake.wakes = Wakes()  # nothing sleeps here
        self.broken = False

    def profile_of(self, shape: Shape) -> Profile:
        """The profile of pods of a shape; raises KeyError for pods that are another scheduler's."""
        return self.profiles.of(shape.scheduler_name)

    def gang_of(self, pod: core.Pod) -> str:
        """The gang that the pod is placed with, also one that does not exist; "" when it goes by itself."""
        gang = group_of(pod)
        policy = self.membership.policy(gang)
        return gang if policy is None or policy.at_least > 0 else ""

    @property
    def budgets(self) -> Sequence[Budget]:
        """The disruption budgets there are."""
        return tuple(self._intake.budgets.values())

    @property
    def named_budgets(self) -> Mapping[ObjectKey, Budget]:
        """The same by the objects' keys; the caller's own."""
        return dict(self._intake.budgets)

    @property
    def membership(self) -> Membership:
        """The gangs there are."""
        return self._intake.membership

    def waiting_pods(self) -> Sequence[PendingPod]:
        """All pods that wait for a node and are ours to schedule, oldest first."""
        return self._queue.waiting()

    def waiting(self, gang: str) -> Sequence[PendingPod]:
        """The pods of a gang that have no node."""
        return self._queue.of_gang(gang)

    def answer(self, question: Callable[["Picture"], T]) -> T:
        """Ask; the question leaves the picture as it was. Raises what it raises."""
        if self.broken:
            raise InternalError("the picture of the cluster could not be made; ask again")
        self.broken = True
        try:
            answer = question(self)
        except ApiError:
            self.broken = False
            raise
        self.broken = False
        return answer

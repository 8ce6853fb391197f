"""The scheduler's picture of the cluster, kept for questions: on any replica, leader or not.

Fed by the same intake as the scheduler's own, so that both see the same. Used by one thread at a time.
"""

import random
from collections.abc import Callable, Iterable
from typing import TypeVar

from control_plane.objects.interface import ObjectChange
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.intake import Intake, Wakes
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.queue import Queue
from control_plane.scheduler.settings import SchedulerSettings
from knarr.errors import ApiError, InternalError

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

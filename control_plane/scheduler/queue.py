"""The pods that wait, and when to try which: by priority, then age. Pure: time is an argument.

Pods of one shape form a group, because what is decided for one holds for all: when no node takes one, the
whole group is parked in one step, until a change that can help wakes it (Unschedulable.wakes, looked at by
the caller) and its back-off has passed, or until the flush. A pod whose binding failed backs off on its own.
Pods of a gang form a group too, whatever their shapes, which is tried only when it has enough of them.

No starvation: a group stands in line with the age of its oldest pod and is taken in bounded portions.
"""

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count, islice
from math import inf

from control_plane.scheduler.decisions import PendingPod, Unschedulable
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape

Crowd = Shape | str


@dataclass(slots=True, eq=False)
class Group:
    """Waiting pods of one shape or gang, oldest first. `shape`: of its first pod. `verdict`: parked, and
    why."""

    crowd: Crowd
    shape: Shape
    pods: dict[str, tuple[int, PendingPod]] = field(default_factory=dict)
    verdict: Unschedulable | None = None
    parked_at: float = 0.0
    not_before: float = 0.0
    attempts: int = 0
    ticket: int = 0  # of its one valid entry, in the line or among the timers; 0: none

    @property
    def is_gang(self) -> bool:
        return isinstance(self.crowd, str)

    @property
    def oldest(self) -> int:
        return next(iter(self.pods.values()))[0]


class Queue:
    """See the module's docstring. Pods are named by their key."""

    def __init__(self, settings: SchedulerSettings, random: random.Random) -> None:
        self._settings = settings
        self._random = random
        self._sequence = count(1)
        self._groups: dict[Crowd, Group] = {}
        self._needs: dict[str, int] = {}  # how many pods of a gang must wait before it is tried
        self._group_of: dict[str, Group] = {}
        self._line: list[tuple[int, int, int, Group]] = []  # (-priority, age, tie, group)
        self._timers: list[tuple[float, int, Group | PendingPod]] = []
        self._resting: dict[str, PendingPod] = {}  # backing off on their own
        self._failures: dict[str, int] = {}
        self._parked: dict[Crowd, Group] = {}

    def __len__(self) -> int:
        return len(self._group_of) + len(self._resting)

    def __contains__(self, key: str) -> bool:
        return key in self._group_of or key in self._resting

    @property
    def ready(self) -> bool:
        """Whether there may be a pod to take now."""
        return bool(self._line)

    @property
    def parked(self) -> int:
        """How many pods wait for something to change."""
        return sum(len(group.pods) for group in self._parked.values())

    @property
    def resting(self) -> int:
        """How many pods back off on their own."""
        return len(self._resting)

    def add(self, pod: PendingPod) -> Unschedulable | None:
        """Let a pod wait, or replace it. Returns the verdict when its like are parked: it holds for it
        too."""
        known = self._group_of.get(pod.key)
        if known is not None:
            _, before = known.pods[pod.key]
            if before.shape is pod.shape and before.uid == pod.uid:
                return None
        elif pod.key in self._resting and self._resting[pod.key].uid == pod.uid:
            self._resting[pod.key] = pod
            return None
        self.remove(pod.key)
        return self._join(pod)

    def remove(self, key: str) -> None:
        """Forget a pod."""
        self._failures.pop(key, None)
        self._resting.pop(key, None)
        group = self._group_of.pop(key, None)
        if group is not None:
            del group.pods[key]
            if not group.pods:
                self._drop(group)

    def gang_needs(self, gang: str, pods: int | None) -> None:
        """Try the gang once so many of its pods wait here; None: not at all."""
        if pods is None:
            self._needs.pop(gang, None)
        else:
            self._needs[gang] = pods
        group = self._groups.get(gang)
        if group is not None and not group.ticket and group.verdict is None:
            self._stand(group)

    def waiting(self) -> list[PendingPod]:
        """All pods that wait here, oldest first."""
        rows = [row for group in self._groups.values() for row in group.pods.values()]
        return [pod for _, pod in sorted(rows, key=lambda row: row[0])]

    def of_gang(self, gang: str) -> list[PendingPod]:
        """The pods of a gang that wait here."""
        group = self._groups.get(gang)
        return [] if group is None else [pod for _, pod in group.pods.values()]

    def count_of_gang(self, gang: str) -> int:
        """How many pods of a gang wait here."""
        group = self._groups.get(gang)
        return len(group.pods) if group else 0

    def take(self, limit: Callable[[Shape], int]) -> list[PendingPod]:
        """The next pods to decide about, all of one shape and no more than `limit` says for it, or a whole
        gang, oldest first; [] when nothing is ready. They stay here until settle() says what became of
        them."""
        while self._line:
            _, age, ticket, group = heapq.heappop(self._line)
            if group.ticket != ticket:
                continue
            group.ticket = 0
            if group.is_gang:
                if self._has_enough(group):
                    return [pod for _, pod in group.pods.values()]
            elif group.oldest == age:
                most = limit(group.shape) if len(group.pods) > 1 else 1
                return [pod for _, pod in islice(group.pods.values(), most)]
            else:
                self._stand(group)  # its oldest pod has gone: with the age it has now
        return []

    def settle(self, crowd: Crowd, placed: Iterable[str], refused: Unschedulable | None, now: float) -> None:
        """Say what became of pods taken: those `placed` wait no longer; `refused` parks what is left of the
        group."""
        group = self._groups.get(crowd)
        if group is None:  # all of a gang have gone meanwhile
            return
        for key in placed:
            del group.pods[key], self._group_of[key]
        if not group.pods:
            self._drop(group)
        elif refused is None:
            group.attempts = 0
            self._stand(group)
        else:
            group.attempts += 1
            group.verdict, group.parked_at = refused, now
            group.not_before = now + self._backoff(group.attempts)
            self._parked[crowd] = group

    def retry(self, pod: PendingPod, now: float) -> None:
        """Try a pod again after a back-off of its own: its binding failed."""
        failures = self._failures[pod.key] = self._failures.get(pod.key, 0) + 1
        self._resting[pod.key] = pod
        heapq.heappush(self._timers, (now + self._backoff(failures), next(self._sequence), pod))

    def hurry(self, key: str) -> None:
        """Try a pod now that backs off on its own: what it waits for has happened."""
        pod = self._resting.pop(key, None)
        if pod is not None:
            self._join(pod)

    def done(self, key: str) -> None:
        """The pod is bound: its failures no longer count."""
        self._failures.pop(key, None)

    def wake(self, crowd: Crowd, now: float) -> None:
        """Let a parked group try again, once its back-off is over."""
        group = self._parked.pop(crowd, None)
        if group is None:
            return
        group.verdict = None
        if group.not_before <= now:
            self._stand(group)
        else:
            group.ticket = next(self._sequence)
            heapq.heappush(self._timers, (group.not_before, group.ticket, group))

    def advance(self, now: float) -> None:
        """Move on what has waited long enough: back-offs that are over, and the flush."""
        while self._timers and self._timers[0][0] <= now:
            _, ticket, waiting = heapq.heappop(self._timers)
            if isinstance(waiting, Group):
                if waiting.ticket == ticket:
                    waiting.ticket = 0
                    self._stand(waiting)
            elif self._resting.get(waiting.key) is not None:
                self._join(self._resting.pop(waiting.key))
        while self._parked:
            oldest = next(iter(self._parked.values()))
            if now - oldest.parked_at < self._settings.flush_s:
                break
            self.wake(oldest.crowd, now)

    def next_time(self) -> float | None:
        """When advance() has something to do, at the latest; None: never."""
        times = [group.parked_at + self._settings.flush_s for group in islice(self._parked.values(), 1)]
        if self._timers:
            times.append(self._timers[0][0])
        return min(times, default=None)

    def verdicts(self) -> list[Unschedulable]:
        """Why the parked groups are parked, one each."""
        return [group.verdict for group in self._parked.values() if group.verdict is not None]

    def _join(self, pod: PendingPod) -> Unschedulable | None:
        group = self._groups.get(pod.crowd)
        if group is None:
            group = self._groups[pod.crowd] = Group(pod.crowd, pod.shape)
        group.pods[pod.key] = (next(self._sequence), pod)
        self._group_of[pod.key] = group
        if group.verdict is not None and group.is_gang:
            self.wake(pod.gang, -inf)  # with one pod more it may fit; not before its back-off is over
        if group.verdict is None and not group.ticket:
            self._stand(group)
        return group.verdict

    def _has_enough(self, group: Group) -> bool:
        return len(group.pods) >= self._needs.get(str(group.crowd), inf)

    def _stand(self, group: Group) -> None:
        if group.is_gang and not self._has_enough(group):
            return
        group.ticket = next(self._sequence)
        heapq.heappush(self._line, (-group.shape.priority, group.oldest, group.ticket, group))

    def _drop(self, group: Group) -> None:
        group.ticket, group.verdict = 0, None
        self._parked.pop(group.crowd, None)
        del self._groups[group.crowd]

    def _backoff(self, attempts: int) -> float:
        """Seconds: doubling up to the most, the last quarter random, so that many do not come at once."""
        settings = self._settings
        whole = min(settings.backoff_most_s, settings.backoff_first_s * 2.0 ** min(attempts - 1, 30))
        return whole * (0.75 + 0.25 * self._random.random())

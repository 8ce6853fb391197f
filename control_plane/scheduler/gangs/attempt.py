"""One attempt to place a gang: all of its waiting pods at once, or as many as it needs, or none.

It goes in steps, so that a large gang does not hold the event loop: what is placed stays assumed in the
cluster between them, and is taken back when the gang turns out not to fit. Pure.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.shape import Shape

ProfileOf = Callable[[Shape], Profile]


@dataclass(frozen=True, slots=True)
class GangOutcome:
    """What became of a gang: pods placed; or room that is to be made, with the room that is kept for the
    rest; or why it does not fit."""

    placed: tuple[Placed, ...] = ()
    preemptions: tuple[Preemption, ...] = ()
    refusal: Unschedulable | None = None


class GangAttempt:
    """See the module's docstring. `needs`: how many of `pods` must be placed."""

    def __init__(self, gang: str, pods: Sequence[PendingPod], needs: int, rotation: int) -> None:
        self.gang, self._needs, self._rotation = gang, needs, rotation
        order = {shape: number for number, shape in enumerate(dict.fromkeys(pod.shape for pod in pods))}
        # What has room already goes first; neighbours of one shape are decided together.
        left = sorted(pods, key=lambda pod: (not pod.nominated, order[pod.shape]))
        self._left = deque(left)
        self._placed: list[Placed] = []
        self._preemptions: list[Preemption] = []
        self._refusal: Unschedulable | None = None

    @property
    def next_shape(self) -> Shape:
        """The shape of the pods that the next step is about."""
        return self._left[0].shape

    def step(
        self, cluster: Cluster, profile_of: ProfileOf, budgets: Sequence[Budget] | None, most: int
    ) -> bool:
        """Decide about up to `most` pods of one shape; returns whether the attempt is over."""
        if not self._left or self._hopeless:
            return True
        shape, pods = self.next_shape, list[PendingPod]()
        while self._left and self._left[0].shape is shape and len(pods) < most:
            pods.append(self._left.popleft())
        decisions = decide(cluster, pods, profile_of(shape), self._rotation, budgets)
        for decision in decisions:
            if isinstance(decision, Placed):
                self._placed.append(decision)
            elif isinstance(decision, Preemption):
                self._preemptions.append(decision)
            else:
                self._refusal = self._refusal or decision
        self._left.extendleft(reversed(pods[len(decisions) :]))  # the rest after a preemption
        return not self._left or self._hopeless

    def end(self, cluster: Cluster, still_waits: Callable[[PendingPod], bool]) -> GangOutcome:
        """What becomes of the gang. Pods that do not wait any more, or whose room has gone meanwhile, do not
        count; what is not to be bound is taken back, but for room that is kept."""

        def holds(decision: Placed | Preemption) -> bool:
            return still_waits(decision.pod) and _holds(cluster, decision.pod, decision.node)

        placed = [decision for decision in self._placed if holds(decision)]
        preemptions = [decision for decision in self._preemptions if holds(decision)]
        enough = len(placed) + len(preemptions) >= self._needs
        made: list[Placed | Preemption] = [*self._placed, *self._preemptions]
        for decision in made:
            if not (enough and holds(decision)):
                cluster.undo(decision.pod.key, decision.pod.uid)
        if not enough:
            return GangOutcome(refusal=self._refused(len(placed) + len(preemptions)))
        if preemptions:
            kept = [Preemption(d.pod, d.node, (), 0, preemptions[0].refusal) for d in placed]
            return GangOutcome(preemptions=(*preemptions, *kept), refusal=self._refusal)
        return GangOutcome(tuple(placed), refusal=self._refusal)

    @property
    def _hopeless(self) -> bool:
        return len(self._placed) + len(self._preemptions) + len(self._left) < self._needs

    def _refused(self, fit: int) -> Unschedulable | None:
        """None: it was not refused, but what it rested on has changed."""
        if self._refusal is None:
            return None
        note = f"{fit} of {self._needs} pods of gang {self.gang} fit at once: "
        return replace(self._refusal, note=note)


def _holds(cluster: Cluster, pod: PendingPod, node: str) -> bool:
    known = cluster.pods.get(pod.key)
    if node not in cluster.nodes.rows:
        return False
    return known is not None and known.assumed and known.uid == pod.uid and known.node == node


def decide_gang(
    cluster: Cluster,
    gang: str,
    pods: Sequence[PendingPod],
    needs: int,
    profile_of: ProfileOf,
    rotation: int = 0,
    budgets: Sequence[Budget] | None = None,
) -> GangOutcome:
    """An attempt in one go."""
    attempt = GangAttempt(gang, pods, needs, rotation)
    while not attempt.step(cluster, profile_of, budgets, len(pods)):
        pass
    return attempt.end(cluster, lambda pod: True)

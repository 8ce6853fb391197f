"""Pods for which room is being made, each on its nominated node. No I/O; time is an argument.

The cluster keeps the room for such a pod while its victims go. Once all of them have been told to, the pod is
tried again when one has gone, or after a back-off of its own; not before, or it would choose other victims.
"""

from collections.abc import Callable
from dataclasses import replace

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod, Preemption
from control_plane.scheduler.queue import Queue


class Nominations:
    """See the module's docstring. `evict` is handed what preempts real pods."""

    def __init__(self, cluster: Cluster, queue: Queue, evict: Callable[[Preemption], None]) -> None:
        self._cluster, self._queue, self._evict = cluster, queue, evict
        self._made: dict[str, Preemption] = {}  # by the pod for which room is made

    def released(self, pod: PendingPod) -> PendingPod:
        """The pod as it is decided about: the room kept for it, if any, is free for that moment."""
        made = self._made.pop(pod.key, None)
        if made is None:
            return pod
        self._cluster.undo(pod.key, pod.uid)
        return replace(pod, nominated=made.node)

    def make_room(self, preemption: Preemption, now: float) -> int:
        """Have the victims go; returns how many they are. Those that are not there yet only lose their
        room."""
        for victim in preemption.victims:
            if self._made.pop(victim.key, None) is not None:
                self._cluster.undo(victim.key, victim.uid)
                self._queue.hurry(victim.key)
        real = tuple(victim for victim in preemption.victims if victim.key in self._cluster.pods)
        self._made[preemption.pod.key] = preemption
        self._evict(replace(preemption, victims=real))
        return len(real)

    def evicted(self, preemption: Preemption, now: float) -> None:
        """The victims have been told to go."""
        key = preemption.pod.key
        if key not in self._made or key in self._queue:
            return
        self._queue.retry(preemption.pod, now)
        if not any(victim.key in self._cluster.pods for victim in preemption.victims):
            self._queue.hurry(key)

    def hurry(self, rows: set[int]) -> None:
        """Try those again on whose node a pod has gone, and with a pod of a gang all of the gang."""
        nodes = self._cluster.nodes.rows
        helped = {key for key, made in self._made.items() if nodes.get(made.node) in rows}
        gangs = {self._made[key].pod.gang for key in helped} - {""}
        for key, made in list(self._made.items()):
            if key in helped or made.pod.gang in gangs:
                self._queue.hurry(key)

    def forget(self, key: str) -> None:
        """The pod does not wait any more."""
        self._made.pop(key, None)

"""The node liveness controller: which nodes are gone, said by conditions and taints. It evicts nobody itself:
eviction.py acts on the taints.

A node is alive while an agent has a session for it (control_plane/nodes). Source: Kubernetes' node lifecycle
controller and its taints. Two safety valves: no verdict in the first interval after the control plane or the
store came back, and when most nodes are gone at once it is our network that broke, so that NoExecute taints
are taken off again until it is over (Kubernetes calls this full disruption).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Failure,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
)
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.owners import itself
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api.conditions import condition_of, set_condition
from knarr.api.timestamps import timestamp
from knarr.clock import Clock
from knarr.proto.kubernetes import core_v1_pb2 as core

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "NoExecute"
UNKNOWN_REASON = "NodeStatusUnknown"

_PRESSURE = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_MANAGED = {
    (UNSCHEDULABLE, NO_SCHEDULE),
    *((key, effect) for key in (NOT_READY, UNREACHABLE) for effect in (NO_SCHEDULE, NO_EXECUTE)),
    *((key, NO_SCHEDULE) for key in _PRESSURE.values()),
}


class SessionView(Protocol):
    """What is known of agents' sessions (control_plane/nodes/directory.py). Times are monotonic seconds."""

    @property
    def started_at(self) -> float:
        """Since when this view is complete; anew when the store was away."""
        ...

    def last_seen(self, node_name: str) -> float | None:
        """When the node was last known to be alive; None when it was not since the start."""
        ...

    def listen(self, listener: Callable[[str, object], None]) -> Callable[[], None]:
        """Call the listener with a node's name when a session of it begins or ends; the result ends that."""
        ...


@dataclass(frozen=True, slots=True)
class LivenessSettings:
    """How patient the control plane is with nodes."""

    # After the end of its session a node has this long to come back. An agent that falls silent loses its
    # session after 5 s, one that dies at once: so a dead node is noticed within 4 to 9 s.
    grace_s: float = 4.0
    # After a start nobody is judged for this long: agents need to find us first.
    first_interval_s: float = 10.0
    # When a larger share of the nodes is gone, and more than `mass_above` of them, nothing is evicted.
    mass_share: float = 0.55
    mass_above: int = 2
    # While a node is not ready it is looked at this often: the share changes with the others.
    recheck_s: float = 2.0


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    """A node and what is known of it and of all others."""

    node: core.Node
    connected: bool  # it has a session
    verdict_in_s: float  # seconds until it is taken for gone; 0.0: it is now
    gone: int  # nodes without a session or not ready, this one included
    nodes: int


class LivenessController:
    """Marks nodes."""

    name = "node-liveness"
    primaries: Sequence[type[Message]] = (core.Node,)

    def __init__(self, sessions: SessionView, clock: Clock, settings: LivenessSettings | None = None) -> None:
        self._sessions = sessions
        self._clock = clock
        self._settings = settings or LivenessSettings()
        self._ready: dict[str, bool] = {}
        self._census: tuple[float, int] = (float("-inf"), 0)
        self.watches: Mapping[type[Message], KeysOf] = {core.Node: self._keys_of}

    def listen(self, trigger: Callable[[ObjectKey], None]) -> Callable[[], None]:
        """A session that begins or ends is a reason to look at its node."""
        return self._sessions.listen(lambda name, _: trigger(ObjectKey("Node", "", name)))

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> NodeSnapshot | None:
        node = objects.get(core.Node, "", key.name)
        if node is None:
            return None
        now, settings, name = self._clock.monotonic(), self._settings, node.metadata.name
        seen = self._sessions.last_seen(name)
        earliest = self._sessions.started_at + settings.first_interval_s
        due = earliest if seen is None else max(earliest, seen + settings.grace_s)
        gone = self._gone(now)
        return NodeSnapshot(
            node, seen is not None and seen >= now, max(0.0, due - now), gone, len(self._ready)
        )

    def decide(self, snapshot: NodeSnapshot, now: float) -> tuple[Action, ...]:
        """Conditions first, then the taints that follow from them."""
        actions = list(_conditions(snapshot, now))
        node = actions[0].obj if actions and isinstance(actions[0], UpdateStatus) else snapshot.node
        assert isinstance(node, core.Node)
        stopped = self._is_mass(snapshot)
        wanted = _wanted(node, evict=not stopped)
        taints = _merged(node.spec.taints, wanted, now)
        if taints != list(node.spec.taints):
            tainted = copy_of(snapshot.node)
            del tainted.spec.taints[:]
            tainted.spec.taints.extend(taints)
            actions.append(Update(tainted))
        if actions and stopped and _ready_status(node) != "True":
            text = (
                f"{snapshot.gone} of {snapshot.nodes} nodes are gone at once: "
                "pods are not evicted until most nodes are back"
            )
            actions.append(Record(snapshot.node, "Warning", "EvictionStopped", text))
        if not snapshot.connected and snapshot.verdict_in_s > 0:
            actions.append(RequeueAfter(snapshot.verdict_in_s))
        elif _ready_status(node) != "True":
            actions.append(RequeueAfter(self._settings.recheck_s))
        return tuple(actions)

    def _is_mass(self, snapshot: NodeSnapshot) -> bool:
        if snapshot.gone >= snapshot.nodes:
            return True  # there is nowhere to go
        share = snapshot.gone / snapshot.nodes
        return snapshot.gone > self._settings.mass_above and share > self._settings.mass_share

    def _keys_of(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        if isinstance(change.new, core.Node):
            self._ready[change.key.name] = _ready_status(change.new) == "True"
        else:
            self._ready.pop(change.key.name, None)
        self._census = (float("-inf"), 0)
        return tuple(itself(objects, change))

    def _gone(self, now: float) -> int:
        """How many nodes are gone. Counted at most twice a second: it looks at every node."""
        counted_at, gone = self._census
        if now - counted_at >= 0.5:
            silent_s = self._settings.grace_s / 2
            gone = sum(
                not ready or self._is_silent(name, now, silent_s) for name, ready in self._ready.items()
            )
            self._census = (now, gone)
        return gone

    def _is_silent(self, name: str, now: float, silent_s: float) -> bool:
        seen = self._sessions.last_seen(name)
        return seen is None or now - seen > silent_s


def _ready_status(node: core.Node) -> str:
    ready = condition_of(node.status.conditions, "Ready")
    return "" if ready is None else ready.status


def _conditions(snapshot: NodeSnapshot, now: float) -> Iterator[Action]:
    """The status of a node that is gone: all that its agent said is unknown now. And of one that is back."""
    node = copy_of(snapshot.node)
    conditions = node.status.conditions
    ready = condition_of(conditions, "Ready")
    if snapshot.connected:
        # The session says Ready itself when it begins; this is for a verdict that came just after it.
        if ready is not None and (ready.status, ready.reason) == ("Unknown", UNKNOWN_REASON):
            set_condition(conditions, "Ready", "True", "AgentReady", "the node agent is connected", now)
            yield UpdateStatus(node)
        return
    if snapshot.verdict_in_s > 0:
        return
    if ready is None:
        conditions.add(type="Ready")
        reason, text = "NodeStatusNeverUpdated", "the node agent was never connected"
    else:
        reason, text = UNKNOWN_REASON, "the node agent is not connected any more"
    for type_, status in [(condition.type, condition.status) for condition in conditions]:
        if status != "Unknown" and (type_ == "Ready" or type_ in _PRESSURE):
            set_condition(conditions, type_, "Unknown", reason, text, now)
    if node != snapshot.node:
        yield UpdateStatus(node)
        if _ready_status(snapshot.node) == "True":
            status = f"Node {node.metadata.name} status is now: NodeNotReady"
            yield Record(snapshot.node, "Normal", "NodeNotReady", status)


def _wanted(node: core.Node, *, evict: bool) -> set[tuple[str, str]]:
    """The taints (key, effect) that a node should have for its conditions and for being cordoned."""
    wanted: set[tuple[str, str]] = set()
    if node.spec.unschedulable:
        wanted.add((UNSCHEDULABLE, NO_SCHEDULE))
    for condition in node.status.conditions:
        if condition.type in _PRESSURE and condition.status == "True":
            wanted.add((_PRESSURE[condition.type], NO_SCHEDULE))
    key = {"False": NOT_READY, "Unknown": UNREACHABLE}.get(_ready_status(node))
    if key is not None:
        wanted.add((key, NO_SCHEDULE))
        if evict:
            wanted.add((key, NO_EXECUTE))
    return wanted


def _merged(taints: Sequence[core.Taint], wanted: set[tuple[str, str]], now: float) -> list[core.Taint]:
    """The taints with ours brought up to date and all others kept. A NoExecute taint without a time gets one:
    tolerationSeconds count from it."""
    result: list[core.Taint] = []
    missing = set(wanted)
    for taint in taints:
        name = (taint.key, taint.effect)
        if name in _MANAGED and name not in wanted:
            continue
        missing.discard(name)
        kept = copy_of(taint)
        if taint.effect == NO_EXECUTE and not taint.HasField("timeAdded"):
            kept.timeAdded.CopyFrom(timestamp(now))
        result.append(kept)
    for key, effect in sorted(missing):
        result.append(core.Taint(key=key, effect=effect, timeAdded=timestamp(now)))
    return result

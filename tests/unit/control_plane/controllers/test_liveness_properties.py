"""Liveness and eviction together: sessions come and go, loops stop anywhere, and it comes right."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.eviction import EvictionController
from control_plane.controllers.liveness import (
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    UNREACHABLE,
    LivenessController,
)
from control_plane.objects.interface import ObjectKey
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import attach, decided, step, writes
from tests.support.model import Model

START = 1_000_000.0
TOLERATION_S = 5


@dataclass
class Sessions:
    """Sessions, and the time that they and the model share."""

    model: Model
    started_at: float = -1000.0
    connected: set[str] = field(default_factory=set)
    ended: dict[str, float] = field(default_factory=dict)

    def now(self) -> float:
        return self.model.now

    def monotonic(self) -> float:
        return self.model.now - START

    def last_seen(self, node_name: str) -> float | None:
        return self.monotonic() if node_name in self.connected else self.ended.get(node_name)

    def listen(self, listener: Callable[[str, object], None]) -> Callable[[], None]:
        return lambda: None


class World:
    """Nodes with one pod each that tolerates their loss for a while, and one that does so for ever."""

    def __init__(self, nodes: int, story: random.Random) -> None:
        self.model, self.story = Model(now=START), story
        self.sessions = Sessions(self.model)
        self.liveness = LivenessController(self.sessions, self.sessions)
        self.eviction = EvictionController(lambda: 0.0)
        attach(self.model, self.liveness)
        attach(self.model, self.eviction)
        self.names = [f"n{number}" for number in range(nodes)]
        self.untouched = set(self.names)  # never lost for long
        for name in self.names:
            node = core.Node()
            node.metadata.name = name
            node.status.conditions.add(type="Ready", status="True", reason="AgentReady")
            self.model.put_new(node)
            self.sessions.connected.add(name)
            self.add_pod(name, f"brief-{name}", TOLERATION_S)
            self.add_pod(name, f"patient-{name}", None)

    def add_pod(self, node: str, name: str, seconds: int | None) -> None:
        pod = core.Pod()
        pod.metadata.name, pod.metadata.namespace, pod.spec.nodeName = name, "default", node
        for key in (NOT_READY, UNREACHABLE):
            toleration = pod.spec.tolerations.add(key=key, operator="Exists", effect=NO_EXECUTE)
            if seconds is not None:
                toleration.tolerationSeconds = seconds
        self.model.put_new(pod)

    def connect(self, name: str) -> None:
        """As the session server does it: the session, then the node's status."""
        self.sessions.connected.add(name)
        node = self.model.one(core.Node, "", name)
        condition = node.status.conditions[0]
        condition.status, condition.reason, condition.message = "True", "AgentReady", ""
        self.model.put_status(node)

    def disconnect(self, name: str) -> None:
        self.untouched.discard(name)
        if name in self.sessions.connected:
            self.sessions.connected.discard(name)
            self.sessions.ended[name] = self.sessions.monotonic()

    def key(self, name: str) -> ObjectKey:
        return ObjectKey("Node", "", name)

    def act(self, at_most: int | None = None) -> None:
        name = self.story.choice(self.names)
        step(self.model, self.liveness, self.key(name), at_most)
        step(self.model, self.eviction, self.key(self.story.choice(self.names)), at_most)

    def settle(self) -> None:
        """Let the loops run for longer than grace and toleration together."""
        for _ in range(12):
            self.model.now += 1
            for name in self.names:
                step(self.model, self.liveness, self.key(name))
                step(self.model, self.eviction, self.key(name))

    def kept(self, name: str) -> bool:
        pod = self.model.get(core.Pod, "default", name)
        return pod is not None and not pod.metadata.HasField("deletionTimestamp")


MOVES = ["lose", "lose", "back", "time", "time", "act", "act", "act", "cordon"]


@settings(max_examples=120, deadline=None)
@given(st.integers(1, 7), st.integers(0, 2**32))
def test_any_story_comes_right(nodes: int, seed: int) -> None:
    story = random.Random(seed)
    world = World(nodes, story)
    for _ in range(story.randint(5, 60)):
        name = story.choice(world.names)
        match story.choice(MOVES):
            case "lose":
                world.disconnect(name)
            case "back":
                world.connect(name)
            case "time":
                world.model.now += story.randint(1, 4)
            case "act":
                world.act(at_most=story.randint(0, 3))
            case _:
                node = world.model.one(core.Node, "", name)
                node.spec.unschedulable = not node.spec.unschedulable
                world.model.put(node)
        for one in world.names:
            assert world.kept(f"patient-{one}")
            assert world.kept(f"brief-{one}") or one not in world.untouched
    world.settle()
    check(world)


def check(world: World) -> None:
    lost = [name for name in world.names if name not in world.sessions.connected]
    most = len(lost) == len(world.names) or (len(lost) > 2 and len(lost) > 0.55 * len(world.names))
    for name in world.names:
        node = world.model.one(core.Node, "", name)
        wanted = {("node.kubernetes.io/unschedulable", NO_SCHEDULE)} if node.spec.unschedulable else set()
        if name in lost:
            wanted |= {(UNREACHABLE, NO_SCHEDULE)} | (set() if most else {(UNREACHABLE, NO_EXECUTE)})
            assert most or not world.kept(f"brief-{name}")
        assert {(taint.key, taint.effect) for taint in node.spec.taints} == wanted
        assert node.status.conditions[0].status == ("Unknown" if name in lost else "True")
        assert writes(decided(world.model, world.liveness, world.key(name))) == ()
        assert writes(decided(world.model, world.eviction, world.key(name))) == ()

"""Deployment and ReplicaSet controllers together, in any order and stopped anywhere, keep their promises."""

import random
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.pods import is_active, ready_since
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.objects.interface import ObjectKey
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import decided, step, writes
from tests.support.model import Model

DEPLOYMENTS = DeploymentController()
REPLICA_SETS = ReplicaSetController()
WEB = ObjectKey("Deployment", "default", "web")


def deployment(replicas: int, surge: int, unavailable: int, recreate: bool) -> apps.Deployment:
    obj = apps.Deployment()
    obj.metadata.name, obj.metadata.namespace = "web", "default"
    obj.spec.replicas = replicas
    obj.spec.selector.matchLabels["app"] = "web"
    obj.spec.template.metadata.labels["app"] = "web"
    obj.spec.template.spec.containers.add(name="web", image="web:1")
    obj.spec.progressDeadlineSeconds = 600
    obj.spec.revisionHistoryLimit = 2
    if recreate:
        obj.spec.strategy.type = "Recreate"
    else:
        obj.spec.strategy.type = "RollingUpdate"
        obj.spec.strategy.rollingUpdate.maxSurge.intVal = surge
        obj.spec.strategy.rollingUpdate.maxUnavailable.intVal = unavailable
    return obj


class World:
    """A model with both controllers and a node agent that makes pods ready, or not, and stops them."""

    def __init__(self, obj: apps.Deployment) -> None:
        self.model = Model()
        self.model.put_new(obj)

    def pods(self) -> list[core.Pod]:
        return self.model.list(core.Pod)

    def active(self) -> int:
        return sum(map(is_active, self.pods()))

    def available(self) -> int:
        return sum(is_active(pod) and ready_since(pod) is not None for pod in self.pods())

    def make_ready(self, pod: core.Pod) -> None:
        pod.spec.nodeName = "node"
        pod = self.model.put(pod)
        pod.status.phase = "Running"
        condition = pod.status.conditions.add(type="Ready", status="True")
        condition.lastTransitionTime.seconds = int(self.model.now)
        self.model.put_status(pod)

    def agent(self, choose: int) -> None:
        """Bring one pod a step further."""
        waiting = [
            pod
            for pod in self.pods()
            if pod.metadata.HasField("deletionTimestamp") or ready_since(pod) is None
        ]
        if not waiting:
            return
        pod = waiting[choose % len(waiting)]
        if pod.metadata.HasField("deletionTimestamp"):
            pod.metadata.deletionGracePeriodSeconds = 0
            self.model.put(pod)
        else:
            self.make_ready(pod)

    def controllers(self) -> Iterator[bool]:
        yield step(self.model, DEPLOYMENTS, WEB)
        for key in self.model.keys(apps.ReplicaSet):
            yield step(self.model, REPLICA_SETS, key)

    def settle(self) -> None:
        """Let all run to the end; fails when there is none."""
        for _ in range(200):
            self.model.now += 1
            busy = any(list(self.controllers()))
            moved = [
                pod
                for pod in self.pods()
                if pod.metadata.HasField("deletionTimestamp") or ready_since(pod) is None
            ]
            for index in range(len(moved)):
                self.agent(index)
            if not busy and not moved:
                return
        raise AssertionError("it did not come to rest")


MOVES = 4 * ["deployment", "replicaset", "agent"] + ["image", "image", "time"]


def moves(seed: int) -> list[tuple[str, int]]:
    """What happens, in which order; hypothesis alone tries too few long stories."""
    story = random.Random(seed)
    names = MOVES + story.choice([[], [], ["scale"], ["pause"]])
    return [(story.choice(names), story.randint(0, 7)) for _ in range(story.randint(20, 80))]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 3), st.booleans(), st.integers(0, 2**32))
def test_any_interleaving_and_any_prefix_keeps_the_bounds_and_converges(
    replicas: int, surge: int, unavailable: int, recreate: bool, seed: int
) -> None:
    world = World(deployment(replicas, surge, unavailable, recreate))
    world.settle()
    most, least = replicas + surge, replicas - max(unavailable, 0 if surge else 1)
    bounded = not recreate
    for move, number in moves(seed):
        before = world.active(), world.available()
        bounded = bounded and move != "scale"
        happen(world, move, number)
        if bounded:
            assert world.active() <= max(before[0], most)
            assert world.available() >= min(before[1], least)
    obj = world.model.one(apps.Deployment, "default", "web")
    obj.spec.paused = False
    world.model.put(obj)
    world.settle()
    check_settled(world)


def happen(world: World, move: str, number: int) -> None:
    """One move of the story. The controllers' loops are stopped after `number` actions."""
    match move:
        case "deployment":
            step(world.model, DEPLOYMENTS, WEB, at_most=number)
        case "replicaset":
            keys = list(world.model.keys(apps.ReplicaSet))
            step(world.model, REPLICA_SETS, keys[number % len(keys)], at_most=number)
        case "agent":
            world.agent(number)
        case "time":
            world.model.now += number
        case _:
            change(world.model, move, number)


def change(model: Model, move: str, number: int) -> None:
    """What a person may do in the middle of it."""
    obj = model.one(apps.Deployment, "default", "web")
    if move == "image":
        obj.spec.template.spec.containers[0].image = f"web:{number}"
    elif move == "scale":
        obj.spec.replicas = number
    else:
        obj.spec.paused = not obj.spec.paused
    model.put(obj)


def check_settled(world: World) -> None:
    obj = world.model.one(apps.Deployment, "default", "web")
    status = obj.status
    wanted = obj.spec.replicas
    assert (status.replicas, status.updatedReplicas, status.availableReplicas) == (wanted, wanted, wanted)
    assert status.unavailableReplicas == 0
    assert status.observedGeneration == obj.metadata.generation
    images = {pod.spec.containers[0].image for pod in world.pods() if is_active(pod)}
    assert images <= {obj.spec.template.spec.containers[0].image}
    reasons = {condition.type: condition.reason for condition in status.conditions}
    assert reasons == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}
    assert len(world.model.list(apps.ReplicaSet)) <= 3
    assert writes(decided(world.model, DEPLOYMENTS, WEB)) == ()
    for key in world.model.keys(apps.ReplicaSet):
        assert writes(decided(world.model, REPLICA_SETS, key)) == ()

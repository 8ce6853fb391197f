"""Plans against an API in this process: what controllers would do, and that nothing of it is done."""

from typing import Any

import pytest
from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.insight.insight import Insight
from control_plane.objects.interface import DeleteOptions
from control_plane.scheduler.profiles import Profiles
from knarr.api import kinds
from knarr.api.codec import from_dict
from knarr.errors import BadRequest
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services import object_service_pb2 as objects_wire
from tests.support.api import OPTIONS, ManualClock
from tests.unit.control_plane.insight.plan.planning import document, world
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_pod

CONTAINERS = [{"name": "main", "image": "shop/web:1", "resources": {"requests": {"cpu": "1"}}}]


def deployment(name: str = "web", replicas: int = 2, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": CONTAINERS, **spec}},
        },
    }


def where(answer: wire.PlanResponse) -> list[tuple[str, str]]:
    """Owner and node of each new pod."""
    return sorted((pod.owner, pod.node) for pod in answer.pods)


async def test_a_deployment_is_followed_to_its_pods() -> None:
    async with world() as it:
        await it.node("a")
        await it.node("b")
        answer = await it.plan(deployment())
        assert [one.outcome for one in answer.objects] == [objects_wire.CREATED]
        assert where(answer) == [("Deployment/web", "a"), ("Deployment/web", "b")]
        assert not answer.unfinished
        assert not answer.losses


async def test_what_is_there_as_it_is_changes_nothing() -> None:
    async with world() as it:
        await it.node("a")
        value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
        await it.insight.plan([document(value)], [])
        await it.api.api.apply(kinds.CONFIG_MAP, "default", "c", value, OPTIONS)
        answer = await it.plan(value)
        assert [(one.outcome, list(one.changes)) for one in answer.objects] == [(objects_wire.UNCHANGED, [])]


async def test_a_quota_leaves_pods_out_and_says_so() -> None:
    async with world() as it:
        await it.node("a")
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": "default"},
            "spec": {"hard": {"pods": "1"}},
        }
        answer = await it.plan(quota, deployment(replicas=3))
        assert len(answer.pods) <= 1
        assert any("exceeded quota" in warning or "team" in warning for warning in answer.warnings)


async def test_a_pod_that_is_refused_is_part_of_the_answer() -> None:
    async with world() as it:
        await it.node("a")
        bad = deployment(replicas=-1)
        answer = await it.plan(bad, deployment("other", 1))
        assert answer.objects[0].refusal.reason == "Invalid"
        assert "spec.replicas" in answer.objects[0].refusal.message
        assert where(answer) == [("Deployment/other", "a")]


async def test_a_gang_is_planned_whole() -> None:
    async with world() as it:
        await it.node("a", cpu="2")
        group = {
            "apiVersion": "scheduling.k8s.io/v1alpha3",
            "kind": "PodGroup",
            "metadata": {"name": "train", "namespace": "default"},
            "spec": {"schedulingPolicy": {"gang": {"minCount": 3}}},
        }
        gang = deployment(replicas=3, schedulingGroup={"podGroupName": "train"})
        answer = await it.plan(group, gang)
        assert where(answer) == [("Deployment/web", "")] * 3
        assert {pod.message for pod in answer.pods} == {
            "2 of 3 pods of gang default/train fit at once: 0/1 nodes are available: 1 Insufficient cpu."
        }


async def test_a_node_that_a_document_cordons_takes_nothing() -> None:
    async with world() as it:
        await it.node("a")
        await it.node("b")
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "a"},
            "spec": {"unschedulable": True},
        }
        answer = await it.plan(node, deployment())
        assert where(answer) == [("Deployment/web", "b")] * 2
        assert [change.path for change in answer.objects[0].changes] == ["spec.unschedulable"]


async def test_a_new_node_counts_as_if_it_had_joined() -> None:
    async with world() as it:
        await it.node("a", cpu="1")
        await it.api.writer.create(make_pod("waits", requests={"cpu": "8"}))
        await it.api.writer.create(make_pod("waits-on", requests={"cpu": "20"}))
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "large"},
            "status": {"capacity": {"cpu": "16", "memory": "32Gi", "pods": "110"}},
        }
        answer = await it.plan(node)
        assert [(pod.reference.name, pod.node, pod.waited) for pod in answer.pods] == [
            ("waits", "large", True)
        ]


async def test_secrets_are_not_shown() -> None:
    async with world() as it:
        value = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "namespace": "default"},
            "stringData": {"password": "one"},
        }
        await it.api.api.apply(kinds.SECRET, "default", "s", value, OPTIONS)
        answer = await it.plan({**value, "stringData": {"password": "two"}})
        (change,) = answer.objects[0].changes
        assert (change.path, change.before, change.after) == ("data.password", '"***"', '"***"')


async def test_victims_of_others_are_made_again_elsewhere() -> None:
    async with world() as it:
        await it.node("a", cpu="2")
        await it.node("b", cpu="1", taints=[{"key": "small", "effect": "NoSchedule"}])
        await it.make(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": "high"},
                "value": 10,
            }
        )
        tolerations = [{"key": "small", "operator": "Exists"}]
        await it.running("low", "a", requests={"cpu": "1"}, owner="other", tolerations=tolerations)
        answer = await it.plan(deployment(replicas=2, priorityClassName="high"))
        assert where(answer) == [("Deployment/web", "a"), ("Deployment/web", "a"), ("Owner/other", "b")]
        (loss,) = answer.losses
        assert (loss.reference.name, loss.cause, loss.replaced) == ("low", wire.PodLoss.PREEMPTED, True)
        victims = [list(pod.victims) for pod in answer.pods if pod.victims]
        assert victims == [["default/low"]]


async def test_losing_a_node_and_changing_at_once() -> None:
    async with world() as it:
        await it.node("a")
        await it.node("b", cpu="2")
        await it.running("p", "a", requests={"cpu": "1"}, owner="other")
        answer = await it.plan(deployment(replicas=2), without=["a"])
        assert where(answer) == [("Deployment/web", "b"), ("Deployment/web", "b"), ("Owner/other", "")]
        assert [loss.cause for loss in answer.losses] == [wire.PodLoss.NODE_GONE]


async def test_pods_of_a_stateful_set_keep_their_names() -> None:
    async with world() as it:
        await it.node("a")
        await it.node("b")
        pod = make_pod("db-0", node="a", owner="db")
        pod.metadata.ownerReferences[0].kind = "StatefulSet"
        made = await it.api.writer.create(pod)
        made.status.phase = "Running"
        await it.api.writer.update_status(made)
        answer = await it.plan(without=["a"])
        assert [(one.reference.name, one.node) for one in answer.pods] == [("db-0", "b")]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_pods_that_are_over_are_not_lost(phase: str) -> None:
    async with world() as it:
        await it.node("a")
        made = await it.api.writer.create(make_pod("p", node="a"))
        made.status.phase = phase
        await it.api.writer.update_status(made)
        answer = await it.plan(without=["a"])
        assert not answer.losses


async def test_a_pod_by_itself() -> None:
    async with world() as it:
        await it.node("a")
        value = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default"},
            "spec": {"containers": CONTAINERS},
        }
        answer = await it.plan(value)
        assert where(answer) == [("", "a")]
        assert [pod.reference.name for pod in answer.pods] == ["p"]


async def test_conflicts_with_other_managers_are_told() -> None:
    async with world() as it:
        await it.node("a")
        value = deployment()
        await it.api.api.apply(kinds.DEPLOYMENT, "default", "web", value, OPTIONS)
        changed = document({**value, "spec": {**value["spec"], "replicas": 5}}, manager="somebody")
        answer = await it.insight.plan([changed], [])
        assert answer.objects[0].refusal.reason == "Conflict"
        forced = document({**value, "spec": {**value["spec"], "replicas": 5}}, manager="somebody", force=True)
        answer = await it.insight.plan([forced], [])
        assert answer.objects[0].outcome == objects_wire.CONFIGURED


async def test_pods_that_wait_already_come_first_and_get_room_that_the_plan_makes() -> None:
    async with world() as it:
        await it.node("a", cpu="2")
        await it.api.writer.create(make_pod("waits", requests={"cpu": "1"}))
        await it.api.writer.create(make_pod("large", requests={"cpu": "64"}))
        answer = await it.plan(deployment(replicas=2))
        assert sorted((pod.reference.name, pod.node) for pod in answer.pods if pod.waited) == [("waits", "a")]
        assert where(answer) == [("", "a"), ("Deployment/web", ""), ("Deployment/web", "a")]


async def test_a_rollout_of_one_pod_at_a_time_is_followed_to_its_end() -> None:
    async with world() as it:
        await it.node("a", cpu="200")
        value = deployment(replicas=12)
        value["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await it.make(value)
        await it.roll_out("a")
        value["spec"]["template"]["spec"]["containers"] = [{**CONTAINERS[0], "image": "shop/web:2"}]
        answer = await it.insight.plan([document(value, force=True)], [])
        assert (len(answer.pods), len(answer.losses), answer.unfinished) == (12, 12, False)


async def test_a_plan_that_takes_too_long_says_how_far_it_came() -> None:
    class Hurried(ManualClock):
        """Each look at it is ten seconds later."""

        def monotonic(self) -> float:
            self.time += 10.0
            return self.time

    async with world() as it:
        await it.node("a")
        it.insight = Insight(it.api.objects, Profiles(), Hurried())
        answer = await it.insight.plan([document(deployment())], [])
        assert answer.unfinished


async def test_pods_that_end_already_are_not_the_plans_doing() -> None:
    async with world() as it:
        await it.node("a", cpu="2")
        await it.make(deployment(replicas=2))
        await it.roll_out("a")
        for pod in it.api.objects.list(core.Pod, "default"):
            await it.api.writer.delete(
                kinds.POD, "default", pod.metadata.name, DeleteOptions(grace_period_s=30)
            )
        await it.make(
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 9, **named("high")}
        )
        answer = await it.plan(deployment("vip", 2, priorityClassName="high"))
        assert list(answer.losses) == []
        assert where(answer).count(("Deployment/vip", "a")) == 2


@pytest.mark.parametrize("owner_is_there", [True, False])
async def test_only_an_owner_that_is_there_makes_others(owner_is_there: bool) -> None:
    async with world() as it:
        await it.node("a", cpu="2")
        await it.make(deployment(replicas=2))
        await it.roll_out("a")
        if not owner_is_there:
            (owner,) = it.api.objects.list(apps.ReplicaSet, "default")
            await it.api.writer.delete(kinds.REPLICA_SET, "default", owner.metadata.name, DeleteOptions())
            await it.api.writer.delete(kinds.DEPLOYMENT, "default", "web", DeleteOptions())
        await it.make(
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 9, **named("high")}
        )
        answer = await it.plan(deployment("vip", 2, priorityClassName="high"))
        assert [loss.replaced for loss in answer.losses] == [owner_is_there] * 2
        assert len(answer.pods) == (4 if owner_is_there else 2)


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


async def test_pods_with_finalizers_go_too() -> None:
    """Whoever set them takes them away in the end: the plan waits for nobody."""
    async with world() as it:
        await it.node("a")
        await it.make(deployment(replicas=1))
        owner = it.api.objects.get(apps.Deployment, "default", "web")
        assert owner is not None
        value = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": "web-old",
                "namespace": "default",
                "labels": {"app": "web", "pod-template-hash": "old"},
                "ownerReferences": [reference(owner)],
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web", "pod-template-hash": "old"}},
                "template": {
                    "metadata": {"labels": {"app": "web", "pod-template-hash": "old"}},
                    "spec": {"containers": CONTAINERS},
                },
            },
        }
        await it.make(value)
        replica_set = it.api.objects.get(apps.ReplicaSet, "default", "web-old")
        assert replica_set is not None
        pod = make_pod("web-old-1", node="a", labels={"app": "web", "pod-template-hash": "old"})
        pod.metadata.ownerReferences.append(from_dict(reference(replica_set), meta.OwnerReference))
        pod.metadata.finalizers.append("team.example/keep")
        await it.api.writer.create(pod)
        other = {**CONTAINERS[0], "image": "shop/web:2"}
        changed = deployment(replicas=1, containers=[other])
        answer = await it.insight.plan([document(changed, force=True)], [])
        assert [(loss.reference.name, loss.cause) for loss in answer.losses] == [
            ("web-old-1", wire.PodLoss.SCALED_DOWN)
        ]
        assert len(answer.pods) == 1
        assert not answer.unfinished


def reference(owner: Message) -> dict[str, Any]:
    kind, own = kinds.of(owner), metadata(owner)
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": own.name,
        "uid": own.uid,
        "controller": True,
    }


async def test_more_pods_than_can_be_followed() -> None:
    async with world() as it:
        with pytest.raises(BadRequest, match="a plan follows at most 5000"):
            await it.plan(deployment(replicas=6000))


async def test_a_large_deployment_is_followed_too() -> None:
    async with world() as it:
        for number in range(10):
            await it.node(f"n{number}", cpu="64")
        answer = await it.plan(deployment(replicas=600))
        assert len(answer.pods) == 600
        assert all(pod.node for pod in answer.pods)


async def test_pods_count_as_available_only_after_a_while() -> None:
    """A rollout goes on when what it made is available: the plan lets that time pass."""
    async with world() as it:
        await it.node("a", cpu="4")
        answer = await it.plan({**deployment(), "spec": {**deployment()["spec"], "minReadySeconds": 300}})
        assert len(answer.pods) == 2
        assert not answer.unfinished

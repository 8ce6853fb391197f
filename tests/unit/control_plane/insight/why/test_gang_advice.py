"""What is suggested for a gang that does not fit: each change, when it is made, lets all of it have nodes."""

from collections.abc import Sequence

import pytest
from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.insight.why.pending import companions
from control_plane.scheduler.gangs.attempt import decide_gang
from control_plane.scheduler.nodes import NodeFacts
from control_plane.scheduler.why.advice import Advice, advise
from control_plane.scheduler.why.changes import EditPod, PutNode, RemovePod
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from tests.unit.control_plane.insight.pictures_for_tests import picture_of, state
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod

GANG = "default/train"


def group(at_least: int) -> groups.PodGroup:
    body = {
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": at_least}}},
    }
    return from_dict(body, groups.PodGroup)


def member(name: str, cpu: str = "1500m", priority: int = 0) -> core.Pod:
    return make_pod(name, requests={"cpu": cpu}, priority=priority, schedulingGroup={"podGroupName": "train"})


def members(many: int, priority: int = 0) -> list[core.Pod]:
    return [member(f"m{number}", priority=priority) for number in range(many)]


def running(*names: str, cpu: str = "1500m", priority: int = 0) -> list[core.Pod]:
    """One pod on each of the nodes."""
    return [
        make_pod(f"on-{name}", requests={"cpu": cpu}, node=name, priority=priority, labels={"app": name})
        for name in names
    ]


def advised(objects: Sequence[Message], pods: Sequence[core.Pod]) -> tuple[Advice, list[str]]:
    picture = picture_of([*objects, group(len(pods)), *pods])
    before = state(picture.cluster)
    waiting = picture.waiting(GANG)
    known = companions(picture, GANG, pods[0], waiting, len(pods))
    advice = advise(
        picture.cluster, pods[0], picture.profile_of(waiting[0].shape), picture.budgets, {}, known
    )
    assert state(picture.cluster) == before
    return advice, [suggestion.proposal.text for suggestion in advice.suggestions]


def nodes(*names: str, cpu: str = "2") -> list[Message]:
    return [make_node(name, cpu=cpu) for name in names]


def test_one_more_node_is_not_enough_for_two_pods() -> None:
    _, said = advised([*nodes("a", "b", "c"), *running("a", "b", "c")], members(2))
    assert said == ["lower the cpu request of container main from 1500m to 500m"]


def test_the_going_of_one_pod_is_not_enough_for_two() -> None:
    _, said = advised([*nodes("a", "b"), *running("a", "b")], members(2))
    assert not [text for text in said if text.startswith("evict")]


def test_pods_of_a_gang_may_share_a_node_when_they_ask_for_less() -> None:
    _, said = advised([*nodes("a", cpu="3"), *running("a", cpu="1")], members(2))
    assert said[0] == "lower the cpu request of container main from 1500m to 1"


def test_one_pod_that_goes_can_be_enough_for_the_last_of_the_gang() -> None:
    _, said = advised([*nodes("a", "b", "c"), *running("b")], members(3))
    assert "evict pod default/on-b of priority 0 from b" in said


def test_a_gang_that_would_have_others_stopped_is_judged_so() -> None:
    """It fits on two nodes by preemption; what helps is one more."""
    _, said = advised([*nodes("a", "b"), *running("a", "b", priority=1)], [*members(3, priority=5)])
    assert "add a node like a" in said
    assert not [text for text in said if text.startswith("evict")]


@pytest.mark.parametrize("many", [2, 3, 4, 6])
@pytest.mark.parametrize("taken", [(), ("a",), ("a", "b"), ("a", "b", "c")], ids=len)
def test_each_suggestion_works_when_it_is_made(many: int, taken: tuple[str, ...]) -> None:
    there, pods = running(*taken), members(many)
    objects = [*nodes("a", "b", "c"), *there]
    picture = picture_of([*objects, group(many), *pods])
    if decide_gang(picture.cluster, GANG, picture.waiting(GANG), many, picture.profile_of).placed:
        return
    advice, said = advised(objects, pods)
    assert said
    for suggestion in advice.suggestions:
        match suggestion.proposal.change:
            case EditPod(changed):
                spec = changed.spec
                edited = [make_pod(pod.metadata.name) for pod in pods]
                for pod in edited:
                    pod.spec.CopyFrom(spec)
                now = [*objects, *edited]
            case PutNode(facts):
                now = [*objects, *pods, node_of(facts)]
            case RemovePod(key):
                now = [*(one for one in objects if key != f"default/{metadata(one).name}"), *pods]
            case other:
                raise AssertionError(other)
        after = picture_of([*now, group(many)])
        outcome = decide_gang(after.cluster, GANG, after.waiting(GANG), many, after.profile_of)
        assert len(outcome.placed) == many, suggestion.proposal.text


def node_of(facts: NodeFacts) -> core.Node:
    return make_node(facts.name, cpu=f"{int(facts.allocatable['cpu'])}m")

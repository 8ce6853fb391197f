"""Where pods of a plan would go, and that the picture is as it was afterwards."""

from dataclasses import replace

import pytest

from control_plane.insight.plan.layout import Layout
from control_plane.insight.plan.placing import advice, key_of, place
from control_plane.scheduler.gangs.membership import Policy
from control_plane.scheduler.nodes import node_facts
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from tests.unit.control_plane.insight.pictures_for_tests import picture_of, state
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod
from tests.unit.control_plane.scheduler.random_clusters import Generator

GROUP = {"podGroupName": "train"}


def cpu(amount: str) -> dict[str, str]:
    return {"cpu": amount}


def test_pods_go_where_there_is_room_the_important_first() -> None:
    picture = picture_of([make_node("a", cpu="2"), make_node("b", cpu="1")])
    waiting = (
        make_pod("low", requests=cpu("2")),
        make_pod("high", requests=cpu("2"), priority=10),
        make_pod("small", requests=cpu("1")),
    )
    outcome = place(picture, Layout(waiting=waiting))
    assert outcome.placed == {"default/high": "a", "default/small": "b"}
    assert outcome.refused["default/low"].message == "0/2 nodes are available: 2 Insufficient cpu."


def test_what_went_before_counts() -> None:
    picture = picture_of(
        [make_node("a", cpu="2"), make_node("b", cpu="2"), make_pod("there", node="a", requests=cpu("2"))]
    )
    new = make_pod("new", requests=cpu("2"))
    placed = make_pod("earlier", requests=cpu("2"))
    full = Layout(placed={"default/earlier": (placed, "b")}, waiting=(new,))
    assert place(picture, full).refused.keys() == {"default/new"}
    freed = replace(full, gone_pods=frozenset({"default/there"}))
    assert place(picture, freed).placed == {"default/new": "a"}
    lost = replace(freed, gone_nodes=("a",))
    assert place(picture, lost).refused["default/new"].nodes == 1
    larger = replace(lost, nodes=(node_facts(make_node("c")),))
    assert place(picture, larger).placed == {"default/new": "c"}


def test_victims_go() -> None:
    picture = picture_of([make_node("a", cpu="2"), make_pod("low", node="a", requests=cpu("2"))])
    outcome = place(picture, Layout(waiting=(make_pod("high", requests=cpu("2"), priority=10),)))
    assert outcome.placed == {"default/high": "a"}
    assert [victim.key for victim in outcome.victims["default/high"]] == ["default/low"]


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        (make_pod("p", schedulingGates=[{"name": "g"}]), "waits for its scheduling gates: g"),
        (make_pod("p", schedulerName="theirs"), "there is no scheduler theirs"),
        (make_pod("p", schedulingGroup=GROUP), "waits for PodGroup default/train, which does not exist"),
    ],
)
def test_pods_that_are_not_tried(pod: core.Pod, why: str) -> None:
    outcome = place(picture_of([make_node("a")]), Layout(waiting=(pod,)))
    assert (outcome.held, outcome.placed, outcome.refused) == ({"default/p": why}, {}, {})


@pytest.mark.parametrize(
    ("pods", "placed", "held"),
    [(1, 0, "gang default/train gets nodes for 2 pods at once, and has 1"), (2, 2, ""), (3, 2, "")],
)
def test_gangs_of_a_plan(pods: int, placed: int, held: str) -> None:
    picture = picture_of([make_node("a", cpu="4")])
    waiting = tuple(make_pod(f"p{n}", requests=cpu("2"), schedulingGroup=GROUP) for n in range(pods))
    outcome = place(picture, Layout(waiting=waiting, policies={"default/train": Policy(2)}))
    assert len(outcome.placed) == placed
    assert set(outcome.held.values()) == ({held} if held else set())


def test_a_gang_that_goes_comes_again_as_a_whole() -> None:
    """Those that go do not count as placed: one alone would run in vain."""
    there = [make_pod(f"m{n}", requests=cpu("2"), node="a", schedulingGroup=GROUP) for n in range(2)]
    group = from_dict(
        {
            "metadata": {"name": "train", "namespace": "default"},
            "spec": {"schedulingPolicy": {"gang": {"minCount": 2}}},
        },
        groups.PodGroup,
    )
    picture = picture_of([make_node("a", cpu="4"), make_node("b", cpu="2"), group, *there])
    again = tuple(make_pod(f"n{n}", requests=cpu("2"), schedulingGroup=GROUP) for n in range(2))
    gone = frozenset(map(key_of, there))
    layout = Layout(gone_nodes=("a",), gone_pods=gone, waiting=again)
    outcome = place(picture, layout)
    assert (outcome.placed, set(outcome.refused)) == ({}, {"default/n0", "default/n1"})
    told = advice(picture, layout, again)["default/n0"]
    assert [one.text for one in told.suggestions] == [
        "lower the cpu request of container main from 2 to 1",
        "add a node like b",
    ]


def test_advice_is_about_the_cluster_as_the_plan_leaves_it() -> None:
    picture = picture_of([make_node("a", cpu="2")])
    first, second = make_pod("first", requests=cpu("1500m")), make_pod("second", requests=cpu("1"))
    layout = Layout(placed={"default/first": (first, "a")}, waiting=(second,))
    told = advice(picture, layout, [second])["default/second"]
    assert [one.text for one in told.suggestions] == [
        "lower the cpu request of container main from 1 to 500m",
        "add a node like a",
    ]


@pytest.mark.parametrize("seed", range(40))
def test_the_picture_is_as_it_was(seed: int) -> None:
    generator = Generator(seed)
    nodes = [generator.node() for _ in range(6)]
    pods = [generator.pod() for _ in range(24)]
    for pod in pods[:12]:
        pod.spec.nodeName = generator.random.choice(nodes).metadata.name
    picture = picture_of([*nodes, *pods[:12]])
    before = state(picture.cluster)
    waiting = tuple(pods[12:])
    changed = replace(node_facts(nodes[0]), unschedulable=True, labels={})
    layout = Layout(
        nodes=(changed, node_facts(generator.node("new"))),
        gone_nodes=(nodes[1].metadata.name, nodes[2].metadata.name),
        gone_pods=frozenset(map(key_of, pods[:3])),
        placed={key_of(pods[12]): (pods[12], nodes[3].metadata.name)},
        waiting=waiting[1:],
        namespaces={"made": {"team": "a"}},
    )
    first = place(picture, layout)
    assert state(picture.cluster) == before
    again = place(picture, layout)
    assert (again.placed, again.refused.keys()) == (first.placed, first.refused.keys())
    advice(picture, layout, [pod for pod in waiting if key_of(pod) in first.refused])
    assert state(picture.cluster) == before

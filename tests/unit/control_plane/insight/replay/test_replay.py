"""Replays of recordings: the same decisions as from the objects themselves, and without their names."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.message import Message

from control_plane.insight.replay.play import Played, Player
from control_plane.insight.replay.report import report_lines, report_value
from control_plane.scheduler.configuration.read import read_configuration
from control_plane.scheduler.profiles import Profiles
from knarr.api import kinds
from knarr.api.codec import from_dict
from knarr.clock import SystemClock
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from knarr.recording.anonymous import Anonymiser, anonymiser_for
from knarr.recording.files import Header, read_recording, write_recording
from knarr.recording.reduced import reduced
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod
from tests.unit.control_plane.scheduler.random_clusters import CONTROLLERS, NAMESPACES, Generator

HEADER = Header("2026-11-21T08:00:00Z")


def random_objects(seed: int) -> list[Message]:
    """A whole small cluster, half of its pods bound."""
    generator = Generator(seed)
    found: list[Message] = [
        from_dict({"metadata": {"name": name, "labels": labels}}, core.Namespace)
        for name, labels in NAMESPACES.items()
    ]
    for namespace, name, selector in (generator.service() for _ in range(3)):
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}}
        found.append(from_dict(body, core.Service))
    for uid, labels in CONTROLLERS.items():
        metadata = {"name": uid, "namespace": "ns-a", "uid": uid}
        body = {"metadata": metadata, "spec": {"selector": {"matchLabels": labels}}}
        found.append(from_dict(body, apps.ReplicaSet))
    nodes = [generator.node() for _ in range(8)]
    pods = [generator.pod() for _ in range(30)]
    for pod in pods[:15]:
        pod.spec.nodeName = generator.random.choice(nodes).metadata.name
    return [*found, *nodes, *pods]


def played(objects: Sequence[Message], **options: bool) -> Played:
    player = Player(Profiles(), SystemClock())
    player.load(objects, **options)
    return player.play()


def recorded(objects: Sequence[Message], path: Path, anonymiser: Anonymiser | None = None) -> list[Message]:
    """The objects, after they were on disk."""
    values = [reduced(kinds.of(obj), obj) for obj in objects]
    if anonymiser is not None:
        values = [anonymiser.object(value) for value in values]
    write_recording(path, HEADER, values)
    return list(read_recording(path).objects)


def renamed(anonymiser: Anonymiser, key: str) -> str:
    return "/".join(map(anonymiser.word, key.split("/")))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("all_pods", [False, True], ids=["waiting", "all"])
def test_a_recording_decides_alike_with_and_without_names(seed: int, all_pods: bool, tmp_path: Path) -> None:
    objects = random_objects(seed)
    wanted = played(objects, all_pods=all_pods)
    again = played(recorded(objects, tmp_path / "plain"), all_pods=all_pods)
    assert (again.placed, again.victims, again.refused.keys(), again.held) == (
        wanted.placed,
        wanted.victims,
        wanted.refused.keys(),
        wanted.held,
    )
    anonymiser = anonymiser_for(objects, "salt")
    hidden = played(recorded(objects, tmp_path / "hidden", anonymiser), all_pods=all_pods)

    def hide(keys: dict[str, str]) -> dict[str, str]:
        return {renamed(anonymiser, key): renamed(anonymiser, value) for key, value in keys.items()}

    assert list(hidden.placed.items()) == list(hide(wanted.placed).items())
    assert hidden.victims == hide(wanted.victims)
    assert {key: verdict.counts.values() for key, verdict in hidden.refused.items()}.keys() == {
        renamed(anonymiser, key) for key in wanted.refused
    }


def stored(seed: int) -> list[Message]:
    """Pods with claims, and volumes of few sizes on a few nodes: names decide which is taken."""
    rng = random.Random(seed)
    nodes = [make_node(f"n{number}") for number in range(4)]
    made = from_dict(
        {"metadata": {"name": "local"}, "volumeBindingMode": "WaitForFirstConsumer"}, storage.StorageClass
    )
    found: list[Message] = [made]
    names = rng.sample("abcdefghij", 10)
    for name in names[:6]:
        terms = [
            {
                "matchExpressions": [
                    {
                        "key": "kubernetes.io/hostname",
                        "operator": "In",
                        "values": [rng.choice(nodes).metadata.name],
                    }
                ]
            }
        ]
        spec = {
            "capacity": {"storage": rng.choice(("1Gi", "2Gi"))},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        }
        found.append(from_dict({"metadata": {"name": f"disk-{name}"}, "spec": spec}, core.PersistentVolume))
    for name in names[:8]:
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "resources": {"requests": {"storage": rng.choice(("1Gi", "2Gi"))}},
        }
        metadata = {"name": f"data-{name}", "namespace": "default"}
        found.append(from_dict({"metadata": metadata, "spec": spec}, core.PersistentVolumeClaim))
    pods = [
        make_pod(
            f"p{number}",
            volumes=[
                {"name": f"v{name}", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
                for name in names[2 * number : 2 * number + rng.choice((1, 2))]
            ],
        )
        for number in range(4)
    ]
    return [*found, *nodes, *pods]


@pytest.mark.parametrize("seed", range(20))
def test_volumes_are_taken_alike_without_names(seed: int, tmp_path: Path) -> None:
    objects = stored(seed)
    wanted = played(objects)
    assert wanted.placed
    anonymiser = anonymiser_for(objects, "salt")
    hidden = played(recorded(objects, tmp_path / "hidden", anonymiser))
    assert list(hidden.placed.items()) == [
        (renamed(anonymiser, key), anonymiser.word(node)) for key, node in wanted.placed.items()
    ]


def test_all_pods_leaves_those_made_for_their_node() -> None:
    pods = [make_pod("free", node="n1"), make_pod("fixed", node="n1", owner="logs")]
    pods[1].metadata.ownerReferences[0].kind = "DaemonSet"
    outcome = played([make_node("n1"), make_node("n2"), *pods], all_pods=True)
    assert (outcome.running, outcome.waiting, list(outcome.placed)) == (1, 1, ["default/free"])


def test_pods_are_placed_in_the_order_in_which_they_were_made() -> None:
    pods = [make_pod(name, requests={"cpu": cpu}) for name, cpu in (("late", "3"), ("early", "2"))]
    for pod, second in zip(pods, (20, 10), strict=True):
        pod.metadata.creationTimestamp.seconds = second
    outcome = played([*pods, make_node("n1")])
    assert outcome.placed == {"default/early": "n1"}
    assert outcome.refused["default/late"].message == "0/1 nodes are available: 1 Insufficient cpu."


def test_room_is_made_and_counted() -> None:
    small = make_pod("small", node="n1", requests={"cpu": "4"})
    big = make_pod("big", requests={"cpu": "4"}, priority=1000)
    outcome = played([make_node("n1"), small, big])
    assert (outcome.placed, outcome.victims) == ({"default/big": "n1"}, {"default/small": "default/big"})


def test_budgets_spare_their_pods() -> None:
    labels = {"app": "db"}
    spared = make_pod("spared", node="n1", requests={"cpu": "4"}, labels=labels)
    free = make_pod("free", node="n2", requests={"cpu": "4"})
    budget = from_dict(
        {
            "metadata": {"name": "db", "namespace": "default"},
            "spec": {"selector": {"matchLabels": labels}},
            "status": {"disruptionsAllowed": 0},
        },
        policy.PodDisruptionBudget,
    )
    big = make_pod("big", requests={"cpu": "4"}, priority=1000)
    outcome = played([make_node("n1"), make_node("n2"), spared, free, budget, big])
    assert outcome.victims == {"default/free": "default/big"}


def gang(at_least: int) -> groups.PodGroup:
    body = {
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": at_least}}},
    }
    return from_dict(body, groups.PodGroup)


@pytest.mark.parametrize(("nodes", "placed"), [(2, 2), (1, 0)])
def test_gangs_are_placed_whole_or_not_at_all(nodes: int, placed: int) -> None:
    group = {"podGroupName": "train"}
    pods = [make_pod(name, requests={"cpu": "3"}, schedulingGroup=group) for name in ("a", "b")]
    outcome = played([gang(2), *(make_node(f"n{number}") for number in range(nodes)), *pods])
    assert (len(outcome.placed), len(outcome.refused)) == (placed, 2 - placed)


def test_what_is_not_tried_is_said() -> None:
    outcome = played(
        [
            make_node("n1"),
            gang(2),
            make_pod("gated", schedulingGates=[{"name": "g"}]),
            make_pod("foreign", schedulerName="theirs"),
            make_pod("lonely", schedulingGroup={"podGroupName": "train"}),
            make_pod("lost", schedulingGroup={"podGroupName": "none"}),
        ]
    )
    assert outcome.held == {
        "default/gated": "it has scheduling gates",
        "default/foreign": "no profile is called theirs",
        "default/lonely": "waiting until gang default/train has the 2 pods that must run together",
        "default/lost": "waiting for PodGroup default/none, which does not exist",
    }
    assert not outcome.placed


PACKING = """\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
"""


def test_another_configuration_decides_differently() -> None:
    objects = [
        make_node("empty"),
        make_node("used"),
        make_pod("there", node="used", requests={"cpu": "2"}),
        make_pod("new", requests={"cpu": "1"}),
    ]
    packing = Player(Profiles(read_configuration(PACKING, "packing").profiles), SystemClock())
    packing.load(objects)
    assert played(objects).placed == {"default/new": "empty"}
    assert packing.play().placed == {"default/new": "used"}


def test_the_report_for_people() -> None:
    outcome = played(
        [make_node("n1"), make_pod("fits"), *(make_pod(f"big{n}", requests={"cpu": "9"}) for n in range(3))]
    )
    lines = report_lines(HEADER, outcome)
    assert lines[0] == "recording of 2026-11-21T08:00:00Z: 1 nodes, 0 pods on them, 4 pods without a node"
    assert lines[1].startswith("placed 1 of 4 pods in ")
    assert lines[-2:] == [
        "pods that would wait: 3",
        "        3  0/1 nodes are available: 1 Insufficient cpu.  (such as default/big0)",
    ]


def test_the_report_for_programs() -> None:
    value = report_value(HEADER, played([make_node("n1"), make_pod("fits")]))
    assert value["placements"] == {"default/fits": "n1"}
    assert (value["nodes"], value["waiting"], value["unschedulable"]) == (1, 1, {})
    assert value["podsPerSecond"] > 0

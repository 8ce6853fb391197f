"""Recordings: what is in them, what is not, and what files are refused."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from knarr.api.codec import from_dict
from knarr.api.kinds import NODE, PERSISTENT_VOLUME_CLAIM, POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.recording.anonymous import Anonymiser, anonymiser_for
from knarr.recording.files import Header, RecordingError, read_recording, write_recording
from knarr.recording.reduced import reduced

HEADER = Header("2026-11-21T08:00:00Z", True, "0.1.0", {"kind": "KubeSchedulerConfiguration"})
SECRET = "hunter2"
POD_VALUE: dict[str, Any] = {
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "labels": {"app": "web", "kubernetes.io/os": "linux"},
        "annotations": {"note": SECRET},
    },
    "spec": {
        "nodeName": "alpha",
        "schedulerName": "default-scheduler",
        "priorityClassName": "system-node-critical",
        "nodeSelector": {"team": "shop", "topology.kubernetes.io/zone": "z1"},
        "tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "rank", "operator": "Gt", "values": ["5"]},
                                {"key": "disk", "operator": "In", "values": ["ssd"]},
                            ],
                            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["alpha"]}],
                        }
                    ]
                }
            }
        },
        "containers": [
            {
                "name": "main",
                "image": "registry.shop/web",
                "command": [SECRET],
                "env": [{"name": "PASSWORD", "value": SECRET}],
                "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}],
                "resources": {"requests": {"cpu": "1", "shop.example/widget": "2"}},
            }
        ],
        "volumes": [
            {"name": "v", "secret": {"secretName": SECRET}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
        ],
    },
}


def pod() -> core.Pod:
    return from_dict(POD_VALUE, core.Pod)


def test_what_scheduling_does_not_depend_on_is_left_out() -> None:
    text = json.dumps(reduced(POD, pod()))
    assert SECRET not in text
    claims = [{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}]
    assert json.loads(text)["spec"]["volumes"] == claims
    assert json.loads(text)["spec"]["nodeSelector"] == POD_VALUE["spec"]["nodeSelector"]


def test_names_are_taken_out_and_what_the_scheduler_knows_stays() -> None:
    anonymiser = anonymiser_for([pod()], "salt")
    value = anonymiser.object(reduced(POD, pod()))
    word, spec = anonymiser.word, value["spec"]
    assert value["metadata"]["labels"] == {word("app"): word("web"), "kubernetes.io/os": "linux"}
    assert spec["nodeSelector"] == {word("team"): word("shop"), "topology.kubernetes.io/zone": word("z1")}
    assert (spec["nodeName"], spec["schedulerName"]) == (word("alpha"), "default-scheduler")
    assert spec["priorityClassName"] == "system-node-critical"
    assert spec["tolerations"] == [
        {"key": word("gpu"), "operator": "Equal", "value": word("yes"), "effect": "NoSchedule"}
    ]
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = affinity["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": word("rank"), "operator": "Gt", "values": ["5"]},
        {"key": word("disk"), "operator": "In", "values": [word("ssd")]},
    ]
    assert term["matchFields"] == [{"key": "metadata.name", "operator": "In", "values": [word("alpha")]}]
    (container,) = spec["containers"]
    assert container["image"] == f"{word('registry.shop/web:latest')}:1"
    assert container["ports"][0]["hostIP"] == word("10.0.0.1")
    widget = f"{word('shop.example')}/{word('widget')}"
    assert container["resources"]["requests"] == {"cpu": "1", widget: "2"}


def test_nothing_that_was_named_is_left() -> None:
    value = anonymiser_for([pod()], "salt").object(reduced(POD, pod()))
    text = json.dumps(value)
    for name in (
        "web-1",
        "shop",
        "alpha",
        "registry",
        "gpu",
        "team",
        "rank",
        "ssd",
        "z1",
        "main",
        "10.0.0.1",
    ):
        assert f'"{name}' not in text, name


def test_another_salt_makes_other_words() -> None:
    assert Anonymiser("one").word("alpha") != Anonymiser("two").word("alpha")


def test_labels_of_a_node_and_its_name_stay_the_same_word() -> None:
    node = from_dict(
        {"metadata": {"name": "alpha", "labels": {"kubernetes.io/hostname": "alpha"}}}, core.Node
    )
    value = Anonymiser("salt").object(reduced(NODE, node))
    assert value["metadata"]["labels"]["kubernetes.io/hostname"] == value["metadata"]["name"]


def test_volumes_and_claims_keep_their_order() -> None:
    """By name the first of equal volumes is taken: that must stay the same one."""
    volumes = [core.PersistentVolume(metadata=meta.ObjectMeta(name=f"disk-{n}")) for n in (3, 1, 2)]
    claim = from_dict(
        {
            "metadata": {"name": "web-data", "namespace": "shop"},
            "spec": {
                "storageClassName": "fast",
                "volumeName": "disk-2",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
        core.PersistentVolumeClaim,
    )
    anonymiser = anonymiser_for([*volumes, claim], "salt")
    words = [anonymiser.word(f"disk-{number}") for number in (1, 2, 3)]
    assert words == sorted(words)
    assert len(set(words)) == 3
    value = anonymiser.object(reduced(PERSISTENT_VOLUME_CLAIM, claim))
    assert value["metadata"]["name"] == anonymiser.word("web-data")
    assert value["spec"] == {
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": anonymiser.word("fast"),
        "volumeName": words[1],
    }


def test_profiles_are_made_anonymous_with_their_objects() -> None:
    anonymiser = Anonymiser("salt")
    args = {
        "ignoredResources": ["shop.example/widget", "cpu"],
        "ignoredResourceGroups": ["shop.example"],
        "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "shop.example/widget"}]},
    }
    constraint = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    configuration = {
        "kind": "KubeSchedulerConfiguration",
        "profiles": [
            {
                "schedulerName": "packing",
                "plugins": {"score": {"disabled": [{"name": "ImageLocality"}]}},
                "pluginConfig": [
                    {"name": "NodeResourcesFit", "args": args},
                    {"name": "PodTopologySpread", "args": {"defaultConstraints": [constraint]}},
                ],
            }
        ],
    }
    (profile,) = anonymiser.configuration(configuration)["profiles"]
    word = anonymiser.word
    widget = f"{word('shop.example')}/{word('widget')}"
    assert profile["schedulerName"] == word("packing")
    assert profile["plugins"] == {"score": {"disabled": [{"name": "ImageLocality"}]}}
    fit, spread = profile["pluginConfig"]
    assert fit["name"] == "NodeResourcesFit"
    assert fit["args"] == {
        "ignoredResources": [widget, "cpu"],
        "ignoredResourceGroups": [word("shop.example")],
        "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": widget}]},
    }
    assert spread["args"]["defaultConstraints"][0]["topologyKey"] == word("rack")


def test_a_recording_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "cluster.knarr.gz"
    size = write_recording(path, HEADER, [reduced(POD, pod())])
    assert size == path.stat().st_size
    assert [found.name for found in tmp_path.iterdir()] == ["cluster.knarr.gz"]
    recording = read_recording(path)
    assert recording.header == HEADER
    assert recording.objects == (from_dict(_without_kind(reduced(POD, pod())), core.Pod),)


def _without_kind(value: dict[str, Any]) -> dict[str, Any]:
    return {name: below for name, below in value.items() if name not in ("apiVersion", "kind")}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "empty"),
        (["{}"], "no header of knarr-recording"),
        (['{"format": "knarr-recording", "version": 2}'], "version 2 of the format is not known"),
        (['{"format": "knarr-recording", "version": 1}', "{"], "line 2: "),
        (
            ['{"format": "knarr-recording", "version": 1}', '{"apiVersion": "v1", "kind": "Pot"}'],
            "line 2: .*Pot",
        ),
    ],
)
def test_what_is_no_recording(lines: list[str], why: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines))
    with pytest.raises(RecordingError, match=why):
        read_recording(path)


def test_a_file_that_is_not_compressed_or_cut_off(tmp_path: Path) -> None:
    plain, cut = tmp_path / "plain", tmp_path / "cut"
    plain.write_text("kind: Pod")
    write_recording(cut, HEADER, [reduced(POD, pod())] * 100)
    cut.write_bytes(cut.read_bytes()[:-20])
    for path in (plain, cut):
        with pytest.raises(RecordingError, match="not a recording, or cut off"):
            read_recording(path)

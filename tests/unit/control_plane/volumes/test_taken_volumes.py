"""Volumes that are taken for a claim until its pod has a node: each step, and who may take what."""

from typing import Any

import pytest

from control_plane.volumes.consumption import for_consumers
from control_plane.volumes.reach import reaches
from control_plane.volumes.taking import HELD_S, TAKEN_AT, held_for_s, is_taken, let_go, settled, taken
from knarr.api.codec import from_dict
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core

NOW = 1_000_000.0
AT_NOW = "1970-01-12T13:46:40Z"
OWN = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data", "uid": "u1"}


def claim(**spec: Any) -> core.PersistentVolumeClaim:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    metadata = {"name": "data", "namespace": "shop", "uid": "u1"}
    return from_dict({"metadata": metadata, "spec": body}, core.PersistentVolumeClaim)


def volume(name: str = "v", mark: str = "", size: str = "1Gi", **spec: Any) -> core.PersistentVolume:
    metadata: dict[str, Any] = {"name": name, "annotations": {TAKEN_AT: mark} if mark else {}}
    body = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], **spec}
    return from_dict({"metadata": metadata, "spec": body}, core.PersistentVolume)


def on(*nodes: str, **more: Any) -> dict[str, Any]:
    """The affinity of a volume that these nodes reach, by their names."""
    fields = [{"key": "metadata.name", "operator": "In", "values": list(nodes)}]
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchFields": fields}]}}, **more}


TAKES = {
    # the volume, the claim -> the volume as it is to be written; None: nothing to write; or who is in the way
    "a free one": (volume(), claim(), volume(mark=AT_NOW, claimRef=OWN)),
    "one that was taken for it is taken anew": (
        volume(mark="1970-01-12T13:00:00Z", claimRef=OWN),
        claim(),
        volume(mark=AT_NOW, claimRef=OWN),
    ),
    "one that is its own for good": (volume(claimRef=OWN), claim(), None),
    "one that it is bound to": (volume(claimRef=OWN), claim(volumeName="v"), None),
    "one that somebody keeps for its name": (
        volume(claimRef={"namespace": "shop", "name": "data"}),
        claim(),
        volume(claimRef=OWN),
    ),
    "another claim's": (
        volume(claimRef={**OWN, "name": "other"}),
        claim(),
        "volume v was taken by another claim",
    ),
    "one that was taken for another": (
        volume(mark=AT_NOW, claimRef={**OWN, "name": "other"}),
        claim(),
        "volume v was taken by another claim",
    ),
    "one of an earlier claim of its name": (
        volume(claimRef={**OWN, "uid": "u0"}),
        claim(),
        "volume v was taken by another claim",
    ),
    "when it has another already": (volume(), claim(volumeName="w"), "claim data has got volume w"),
}


@pytest.mark.parametrize(("before", "wanted", "expected"), TAKES.values(), ids=TAKES)
def test_taking(
    before: core.PersistentVolume,
    wanted: core.PersistentVolumeClaim,
    expected: core.PersistentVolume | str | None,
) -> None:
    kept = before.SerializeToString(deterministic=True)
    if isinstance(expected, str):
        with pytest.raises(Conflict, match=expected):
            taken(before, wanted, NOW)
    else:
        assert taken(before, wanted, NOW) == expected
    assert before.SerializeToString(deterministic=True) == kept


def test_settled_and_let_go_are_not_taken() -> None:
    held = volume(mark=AT_NOW, claimRef=OWN)
    assert is_taken(held)
    assert settled(held, claim()) == volume(claimRef=OWN)
    assert let_go(held) == volume()
    assert not is_taken(volume(mark=AT_NOW))  # a mark alone says nothing


HELD = {
    "from now on": (AT_NOW, HELD_S),
    "half of the time is over": ("1970-01-12T13:45:40Z", HELD_S - 60),
    "it is over": ("1970-01-12T13:44:40Z", 0.0),
    "long over": ("1970-01-01T00:00:00Z", 0.0),
    "a clock that is ahead holds it no longer than others": ("1970-01-12T14:46:40Z", HELD_S),
    "a mark that nobody here has written": ("yes", 0.0),
}


@pytest.mark.parametrize(("mark", "left_s"), HELD.values(), ids=HELD)
def test_how_long_it_is_held(mark: str, left_s: float) -> None:
    assert held_for_s(volume(mark=mark, claimRef=OWN), NOW) == left_s


def row(operator: str, *values: str, key: str = "zone") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


REACH: dict[str, tuple[list[dict[str, Any]] | None, bool]] = {
    # the terms, and whether the node n of zone a, disks 4, reaches the volume
    "no affinity": (None, True),
    "In": ([{"matchExpressions": [row("In", "a", "b")]}], True),
    "In another": ([{"matchExpressions": [row("In", "b")]}], False),
    "In, no such label": ([{"matchExpressions": [row("In", "a", key="rack")]}], False),
    "NotIn": ([{"matchExpressions": [row("NotIn", "b")]}], True),
    "NotIn, no such label": ([{"matchExpressions": [row("NotIn", "b", key="rack")]}], True),
    "Exists": ([{"matchExpressions": [row("Exists")]}], True),
    "DoesNotExist": ([{"matchExpressions": [row("DoesNotExist")]}], False),
    "Gt": ([{"matchExpressions": [row("Gt", "3", key="disks")]}], True),
    "Lt": ([{"matchExpressions": [row("Lt", "4", key="disks")]}], False),
    "the name": ([{"matchFields": [row("In", "n", key="metadata.name")]}], True),
    "another name": ([{"matchFields": [row("In", "m", key="metadata.name")]}], False),
    "all rows of a term": ([{"matchExpressions": [row("In", "a"), row("In", "b")]}], False),
    "any term": ([{"matchExpressions": [row("In", "b")]}, {"matchExpressions": [row("Exists")]}], True),
    "a term without rows": ([{}], False),
}


@pytest.mark.parametrize(("terms", "reached"), REACH.values(), ids=REACH)
def test_which_nodes_reach_a_volume(terms: list[dict[str, Any]] | None, reached: bool) -> None:
    node = from_dict({"metadata": {"name": "n", "labels": {"zone": "a", "disks": "4"}}}, core.Node)
    spec: dict[str, Any] = (
        {} if terms is None else {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}
    )
    assert reaches(node, volume(**spec)) is reached


CONSUMERS: dict[str, tuple[list[core.PersistentVolume], list[str], str]] = {
    # volumes, the nodes of the claim's pods -> the volume that it gets
    "no pod has a node": ([volume()], [], ""),
    "no pod has a node, one was taken": ([volume(mark=AT_NOW, claimRef=OWN)], [], ""),
    "no pod has a node, one is its own": ([volume(claimRef=OWN)], [], "v"),
    "the one that was taken, though another is smaller": (
        [volume("tiny"), volume(mark=AT_NOW, size="9Gi", claimRef=OWN, **on("n"))],
        ["n"],
        "v",
    ),
    "taken for another node": ([volume(mark=AT_NOW, claimRef=OWN, **on("m"))], ["n"], ""),
    "taken for another node, a free one here": (
        [volume(mark=AT_NOW, claimRef=OWN, **on("m")), volume("w", **on("n"))],
        ["n"],
        "w",
    ),
    "two were taken: the one of the pod's node": (
        [volume(mark=AT_NOW, claimRef=OWN, **on("m")), volume("w", mark=AT_NOW, claimRef=OWN, **on("n"))],
        ["n"],
        "w",
    ),
    "the smallest free one that the node reaches": (
        [volume("w", size="3Gi", **on("n")), volume("x", size="2Gi", **on("n")), volume("y", **on("m"))],
        ["n"],
        "x",
    ),
    "none that the node reaches": ([volume(**on("m"))], ["n"], ""),
    "the second pod's node, when the first's has none": ([volume(**on("m"))], ["n", "m"], "v"),
    "its own for good, wherever the pods are": ([volume(claimRef=OWN, **on("m")), volume("w")], ["n"], "v"),
    "not one that another has taken": (
        [volume(mark=AT_NOW, claimRef={**OWN, "name": "other", "uid": "u2"})],
        ["n"],
        "",
    ),
}


@pytest.mark.parametrize(("volumes", "nodes", "chosen"), CONSUMERS.values(), ids=CONSUMERS)
def test_which_volume_the_pods_of_a_claim_get(
    volumes: list[core.PersistentVolume], nodes: list[str], chosen: str
) -> None:
    places = [from_dict({"metadata": {"name": name}}, core.Node) for name in nodes]
    found = for_consumers(claim(), volumes, places)
    assert ("" if found is None else found.metadata.name) == chosen

"""What the server writes into new and changed objects by itself, and what it does not let through."""

from typing import Any

import pytest

from control_plane.api.messages import copy, decode, encode, with_version
from control_plane.api.rules.api import BY_MESSAGE
from control_plane.api.strategy import (
    canonicalize,
    finish_create,
    finish_update,
    prepare_create,
    prepare_finalize,
    prepare_status_update,
    prepare_update,
)
from knarr.api.kinds import DEPLOYMENT, KINDS, NAMESPACE, NODE, POD, Kind
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

NOW = 1_000.9


def stored_deployment() -> apps.Deployment:
    made = apps.Deployment()
    own = made.metadata
    own.name, own.namespace, own.uid, own.generation, own.resourceVersion = "web", "default", "u1", 3, "77"
    own.creationTimestamp.seconds = 500
    own.labels["app"] = "web"
    made.spec.replicas = 2
    made.status.readyReplicas = 1
    return made


def test_the_server_owns_part_of_metadata() -> None:
    pod = core.Pod()
    own = pod.metadata
    own.uid, own.generation, own.selfLink = "mine", 9, "/me"
    own.deletionTimestamp.seconds, own.deletionGracePeriodSeconds = 5, 5
    pod.status.phase, pod.status.podIP = "Running", "10.0.0.1"
    prepare_create(POD, pod, uid="given", now=NOW)
    finish_create(POD, pod)
    assert (own.uid, own.generation, own.selfLink, own.creationTimestamp.seconds) == ("given", 1, "", 1000)
    assert not own.HasField("deletionTimestamp")
    assert not own.HasField("deletionGracePeriodSeconds")
    assert (pod.status.phase, pod.status.podIP, pod.status.qosClass) == ("Pending", "", "BestEffort")
    assert (pod.spec.serviceAccountName, pod.spec.serviceAccount) == ("default", "default")


def test_a_node_comes_with_its_status() -> None:
    node = core.Node()
    node.status.nodeInfo.osImage = "Debian"
    prepare_create(NODE, node, uid="u", now=NOW)
    assert node.status.nodeInfo.osImage == "Debian"


def test_a_namespace_is_born_active_and_held() -> None:
    namespace = core.Namespace()
    namespace.metadata.name = "team"
    prepare_create(NAMESPACE, namespace, uid="u", now=NOW)
    assert list(namespace.spec.finalizers) == ["kubernetes"]
    assert namespace.status.phase == "Active"
    assert not namespace.metadata.labels
    canonicalize(NAMESPACE, namespace)
    assert namespace.metadata.labels["kubernetes.io/metadata.name"] == "team"


def test_an_update_changes_no_status_and_counts_changes_of_spec() -> None:
    old = stored_deployment()
    new = copy(old)
    new.spec.replicas, new.status.readyReplicas, new.metadata.generation = 5, 9, 99
    prepare_update(DEPLOYMENT, new, old)
    finish_update(DEPLOYMENT, new, old)
    assert (new.status.readyReplicas, new.metadata.generation) == (1, 4)
    labelled = copy(old)
    labelled.metadata.labels["x"] = "y"
    prepare_update(DEPLOYMENT, labelled, old)
    finish_update(DEPLOYMENT, labelled, old)
    assert labelled.metadata.generation == 3


def test_what_is_in_no_namespace_names_none() -> None:
    old = core.Namespace()
    old.metadata.name = "team"
    new = copy(old)
    new.metadata.namespace = "other"
    prepare_update(NAMESPACE, new, old)
    assert new.metadata.namespace == ""


def test_what_an_update_leaves_out_is_put_back() -> None:
    old = stored_deployment()
    old.metadata.deletionTimestamp.seconds, old.metadata.deletionGracePeriodSeconds = 600, 0
    new = copy(old)
    for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        new.metadata.ClearField(name)
    prepare_update(DEPLOYMENT, new, old)
    assert new == old


def test_what_an_update_changes_is_left_for_validation_to_refuse() -> None:
    old = stored_deployment()
    new = copy(old)
    new.metadata.uid = "other"
    new.metadata.deletionTimestamp.seconds = 8
    prepare_update(DEPLOYMENT, new, old)
    assert (new.metadata.uid, new.metadata.deletionTimestamp.seconds) == ("other", 8)


def test_when_an_object_was_created_never_changes() -> None:
    old = stored_deployment()
    new = copy(old)
    new.metadata.creationTimestamp.seconds = 7
    prepare_update(DEPLOYMENT, new, old)
    assert new == old


def test_a_write_of_status_changes_status_and_most_of_metadata() -> None:
    old = stored_deployment()
    new = copy(old)
    new.spec.replicas, new.status.readyReplicas = 9, 2
    new.metadata.annotations["note"] = "1"
    new.metadata.labels["app"] = "other"
    result = prepare_status_update(DEPLOYMENT, new, old)
    wanted = copy(old)
    wanted.status.readyReplicas = 2
    wanted.metadata.annotations["note"] = "1"
    assert result == wanted


def test_a_write_of_a_pods_status_keeps_its_owners() -> None:
    old = core.Pod()
    old.metadata.ownerReferences.add(name="rs", uid="r1")
    new = copy(old)
    del new.metadata.ownerReferences[:]
    new.status.phase = "Running"
    result: Any = prepare_status_update(POD, new, old)
    assert [owner.uid for owner in result.metadata.ownerReferences] == ["r1"]
    assert result.status.phase == "Running"


def test_finalizers_of_a_namespace_change_through_finalize_alone() -> None:
    old = core.Namespace()
    old.metadata.name = "team"
    old.spec.finalizers.append("kubernetes")
    new = copy(old)
    del new.spec.finalizers[:]
    updated = copy(new)
    prepare_update(NAMESPACE, updated, old)
    assert list(updated.spec.finalizers) == ["kubernetes"]
    finalized: Any = prepare_finalize(new, old)
    assert list(finalized.spec.finalizers) == []


@pytest.mark.parametrize("version", [1, 63, 127, 128, 2**40, 2**63 - 1])
def test_bytes_get_their_version_without_being_parsed(version: int) -> None:
    obj = stored_deployment()
    value = encode(copy(obj))
    assert decode(DEPLOYMENT, value, version) == apps.Deployment.FromString(with_version(value, version))
    assert apps.Deployment.FromString(with_version(value, version)).metadata.resourceVersion == str(version)


def test_stored_bytes_have_no_version_and_one_form() -> None:
    first, second = core.ConfigMap(), core.ConfigMap()
    for number in range(50):
        first.data[f"k{number}"] = "v"
        second.data[f"k{49 - number}"] = "v"
    second.metadata.resourceVersion = "9"
    assert encode(first) == encode(second)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_has_its_rules(kind: Kind) -> None:
    assert kind.message in BY_MESSAGE

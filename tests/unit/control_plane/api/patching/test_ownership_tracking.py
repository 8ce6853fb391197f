"""Ownership of fields by writes that are no applies."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import carry_over, field_sets, track_update
from control_plane.api.patching.compare import compare
from knarr.api import codec
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, POD, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support import generate

METADATA = {"name": "p", "labels": {"a": "1"}}
CREATED: dict[str, Any] = {
    "metadata": METADATA,
    "spec": {"containers": [{"name": "m", "image": "i"}], "nodeName": ""},
}


def message(value: dict[str, Any], kind: Kind = POD) -> Message:
    return codec.decode(value, kind.message).message


def owners(obj: Message) -> dict[str, list[str]]:
    return {
        entry["manager"] + "/" + entry.get("subresource", ""): list(field_sets.paths(entry["fieldsV1"]))
        for entry in codec.to_dict(obj)["metadata"].get("managedFields", [])
    }


def write(old: Message | None, value: dict[str, Any], manager: str, kind: Kind = POD, **more: Any) -> Message:
    new = message(value, kind)
    track_update(old, new, kind, manager=manager, **{"now": 100.0, **more})
    return new


def test_a_create_owns_all_but_what_nobody_can() -> None:
    assert owners(write(None, CREATED, "kubectl")) == {
        "kubectl/": [
            ".metadata.labels",
            ".metadata.labels.a",
            '.spec.containers[name="m"]',
            '.spec.containers[name="m"].image',
            '.spec.containers[name="m"].name',
            '.spec.containers[name="m"].resources',
        ]
    }


def test_an_update_owns_what_it_changes() -> None:
    first = write(None, CREATED, "kubectl")
    second = write(
        first,
        {
            "metadata": {"name": "p", "labels": {"b": "2"}},
            "spec": {"containers": [{"name": "m", "image": "j"}]},
        },
        "editor",
    )
    assert owners(second) == {
        "editor/": [".metadata.labels.b", '.spec.containers[name="m"].image'],
        "kubectl/": [
            ".metadata.labels",
            '.spec.containers[name="m"]',
            '.spec.containers[name="m"].name',
            '.spec.containers[name="m"].resources',
        ],
    }


def test_status_updates_own_nothing_else() -> None:
    first = write(None, CREATED, "kubectl")
    value = codec.to_dict(first)
    value["spec"]["nodeName"] = "n"
    value["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    second = write(first, value, "agent", subresource="status")
    assert owners(second)["agent/status"] == [
        ".status.conditions",
        '.status.conditions[type="Ready"]',
        '.status.conditions[type="Ready"].lastProbeTime',
        '.status.conditions[type="Ready"].lastTransitionTime',
        '.status.conditions[type="Ready"].status',
        '.status.conditions[type="Ready"].type',
        ".status.phase",
    ]
    assert owners(second)["kubectl/"] == owners(first)["kubectl/"]


def test_a_second_write_of_the_same_fields_moves_only_the_time() -> None:
    first = write(None, CREATED, "kubectl")
    value = codec.to_dict(first)
    value["status"] = {"phase": "Pending"}
    second = write(first, value, "agent", subresource="status", now=200.0)
    value = codec.to_dict(second)
    value["status"] = {"phase": "Running"}
    third = write(second, value, "agent", subresource="status", now=300.0)
    assert owners(third) == owners(second)
    times = [entry["time"] for entry in codec.to_dict(third)["metadata"]["managedFields"]]
    assert times == ["1970-01-01T00:01:40Z", "1970-01-01T00:05:00Z"]


def test_no_change_leaves_the_entries_as_they_are() -> None:
    first = write(None, CREATED, "kubectl")
    assert write(first, codec.to_dict(first), "editor", now=300.0) == first
    assert write(first, CREATED, "editor", now=300.0) == first  # a client that does not send them back


def test_untracked_objects_stay_untracked() -> None:
    stored = message(CREATED)
    assert (
        owners(write(stored, {**CREATED, "status": {"phase": "Running"}}, "agent", subresource="status"))
        == {}
    )


def test_owners_can_be_forgotten() -> None:
    first = write(None, CREATED, "kubectl")
    value = codec.to_dict(first)
    value["metadata"]["managedFields"] = [{}]
    assert owners(write(first, value, "editor")) == {}


def test_owners_can_be_edited_but_not_through_a_subresource() -> None:
    first = write(None, CREATED, "kubectl")
    value = codec.to_dict(first)
    value["metadata"]["managedFields"][0]["manager"] = "other"
    assert list(owners(write(first, value, "editor"))) == ["other/"]
    assert list(owners(write(first, value, "agent", subresource="status"))) == ["kubectl/"]


@pytest.mark.parametrize(
    "broken",
    [
        {"operation": "Eat", "manager": "x"},
        {"operation": "Update", "fieldsType": "FieldsV2"},
        {"operation": "Update", "fieldsV1": {"bogus": {}}},
    ],
    ids=["operation", "type", "fields"],
)
def test_unreadable_owners_of_a_client_are_ignored(broken: dict[str, Any]) -> None:
    first = write(None, CREATED, "kubectl")
    value = codec.to_dict(first)
    value["metadata"]["managedFields"] = [broken]
    assert owners(write(first, value, "editor")) == owners(first)


def test_the_same_manager_by_apply_and_update_has_two_entries() -> None:
    value: dict[str, Any] = {"metadata": {"name": "c"}, "data": {"a": "1"}}
    first = write(None, value, "m", CONFIG_MAP)
    entry = {"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}}
    value["metadata"]["managedFields"] = [entry]
    second = write(write(first, value, "m", CONFIG_MAP), {**value, "data": {"a": "2"}}, "m", CONFIG_MAP)
    operations = [entry["operation"] for entry in codec.to_dict(second)["metadata"]["managedFields"]]
    assert operations == ["Update"]


def test_carrying_over() -> None:
    first = write(None, CREATED, "kubectl")
    second = message({**CREATED, "status": {"phase": "Running"}})
    carry_over(first, second)
    assert owners(second) == owners(first)


def test_fields_that_are_always_there_change_by_value() -> None:
    """Zero and absent are the same of a struct or a flag that JSON always has."""
    ready = core.Pod(status=core.PodStatus(containerStatuses=[core.ContainerStatus(name="m", ready=True)]))
    not_ready = core.Pod(status=core.PodStatus(containerStatuses=[core.ContainerStatus(name="m")]))
    assert compare(ready, not_ready) == compare(not_ready, ready)
    empty = message({"metadata": {"name": "d"}, "spec": {}}, DEPLOYMENT)
    assert compare(empty, message({"metadata": {"name": "d"}}, DEPLOYMENT)) == ({}, {})


LISTS: dict[str, tuple[list[str], list[str], set[str], set[str]]] = {
    "another order": (["a", "b"], ["b", "a"], set(), set()),
    "one more": (["a"], ["a", "b"], {'[name="b"]', '[name="b"].name'}, set()),
    "one less": (["a", "b"], ["b"], set(), {'[name="a"]', '[name="a"].name'}),
    "a double goes": (["a", "a"], ["a"], {'[name="a"]', '[name="a"].name'}, set()),
    "doubles stay": (["a", "a"], ["a", "a"], set(), set()),
}


@pytest.mark.parametrize(("old", "new", "changed", "removed"), LISTS.values(), ids=LISTS)
def test_keyed_lists(old: list[str], new: list[str], changed: set[str], removed: set[str]) -> None:
    def pod(names: list[str]) -> core.Pod:
        container = core.Container(name="m", env=[core.EnvVar(name=name) for name in names])
        return core.Pod(spec=core.PodSpec(containers=[container]))

    found = compare(pod(old), pod(new))
    prefix = '.spec.containers[name="m"].env'
    assert {path.removeprefix(prefix) for path in field_sets.paths(found.changed)} == changed
    assert {path.removeprefix(prefix) for path in field_sets.paths(found.removed)} == removed


@given(old=generate.messages(core.Pod, full=False), new=generate.messages(core.Pod, full=False))
@settings(max_examples=25, deadline=None)
def test_laws_of_comparison(old: core.Pod, new: core.Pod) -> None:
    there, back = compare(old, new), compare(new, old)
    assert compare(old, old) == ({}, {})
    # What one way removes, the other adds; what both have changes both ways.
    assert field_sets.difference(there.removed, back.changed) == {}
    assert field_sets.difference(back.removed, there.changed) == {}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("ab"), st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12")))
    )
)
@settings(max_examples=50, deadline=None)
def test_every_field_has_an_owner_and_nothing_else_has(steps: list[tuple[str, dict[str, str]]]) -> None:
    live = write(None, {"metadata": {"name": "c"}}, "first", CONFIG_MAP)
    entry = {"manager": "first", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:immutable": {}}}
    live = message({"metadata": {"name": "c", "managedFields": [entry]}, "immutable": True}, CONFIG_MAP)
    for manager, data in steps:
        value = {**codec.to_dict(live), "data": data}
        live = write(live, value, manager, CONFIG_MAP)
        owned = [path for paths in owners(live).values() for path in paths if path.startswith(".data.")]
        assert sorted(owned) == sorted(f".data.{key}" for key in data)


def test_new_objects_with_equal_specs_own_the_same_and_others_their_own() -> None:
    other = {**CREATED, "spec": {**CREATED["spec"], "restartPolicy": "Never"}}
    first, again = (owners(write(None, CREATED, "m")) for _ in range(2))
    assert first == again
    more = owners(write(None, other, "m"))["m/"]
    assert set(more) - set(first["m/"]) == {".spec.restartPolicy"}
    named = {"metadata": {"name": "q", "annotations": {"x": "y"}}, "spec": CREATED["spec"]}
    assert ".metadata.annotations" in owners(write(None, named, "m"))["m/"]
    assert owners(write(None, CREATED, "m")) == first

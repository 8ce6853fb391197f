"""Server-side apply: merging, owning, conflicts, taking away, migration; and its laws."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import apply, field_sets, track_update
from control_plane.api.patching.managers import MAX_UPDATERS
from knarr.api import codec
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, POD, SERVICE, Kind
from knarr.errors import BadRequest, Conflict, Invalid

Object = dict[str, Any]


def config(**data: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def pod(*containers: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": list(containers), **spec},
    }


def deployment(**spec: Any) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def applied(
    live: Message | None,
    document: Object,
    manager: str,
    kind: Kind = CONFIG_MAP,
    force: bool = False,
    **more: Any,
) -> Message:
    """One apply at time 100."""
    return apply(live, document, kind, manager=manager, force=force, **{"now": 100.0, **more})


def body(obj: Message) -> Object:
    """The object without its owners."""
    value = codec.object_to_dict(obj)
    value["metadata"].pop("managedFields", None)
    return value


def owners(obj: Message) -> dict[str, list[str]]:
    """The paths that each manager owns; the operation stands behind the name of updaters."""
    found = {}
    for entry in codec.to_dict(obj)["metadata"].get("managedFields", []):
        name = (
            entry["manager"] + ("" if entry["operation"] == "Apply" else "*") + entry.get("subresource", "")
        )
        found[name] = list(field_sets.paths(entry["fieldsV1"]))
    return found


def written(
    old: Message | None, value: Object, manager: str, kind: Kind = CONFIG_MAP, **more: Any
) -> Message:
    """One update (or create, when there is no old object)."""
    new = codec.decode(value, kind.message).message
    track_update(old, new, kind, manager=manager, **{"now": 50.0, **more})
    return new


def test_create() -> None:
    obj = applied(None, config(a="1"), "alpha")
    assert body(obj) == config(a="1")
    assert owners(obj) == {"alpha": [".data.a"]}
    entry = codec.to_dict(obj)["metadata"]["managedFields"][0]
    assert entry == {
        "manager": "alpha",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "1970-01-01T00:01:40Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}},
    }


def test_the_same_again_changes_nothing_not_even_the_time() -> None:
    first = applied(None, config(a="1"), "alpha")
    assert applied(first, config(a="1"), "alpha", now=200.0) == first


def test_what_is_no_longer_said_goes() -> None:
    obj = applied(applied(None, config(a="1", b="2"), "alpha"), config(a="1"), "alpha")
    assert body(obj) == config(a="1")


def test_what_others_own_too_stays() -> None:
    both = applied(applied(None, config(a="1", b="2"), "alpha"), config(b="2"), "beta")
    assert owners(both) == {"alpha": [".data.a", ".data.b"], "beta": [".data.b"]}
    assert body(applied(both, config(a="1"), "alpha")) == config(a="1", b="2")


def test_an_applier_that_owns_nothing_is_forgotten() -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    obj = applied(applied(None, config(a="1"), "alpha"), document, "alpha")
    assert body(obj) == document
    assert owners(obj) == {}


def test_an_object_keeps_its_name_when_all_of_metadata_that_was_applied_goes() -> None:
    document = config(a="1")
    document["metadata"] = {"name": "c", "namespace": "n", "labels": {"x": "1"}}
    live = applied(None, document, "alpha")
    live.metadata.uid = "u"  # type: ignore[attr-defined]
    obj = applied(live, config(a="1"), "alpha")
    assert body(obj)["metadata"] == {"name": "c", "namespace": "n", "uid": "u"}


CONFLICTS = {
    "one applier": (
        [("alpha", config(a="1"))],
        config(a="2"),
        'Apply failed with 1 conflict: conflict with "alpha": .data.a',
    ),
    "two appliers": (
        [("beta", config(b="1")), ("alpha", config(a="1"))],
        config(a="2", b="2"),
        'Apply failed with 2 conflicts: conflicts with "alpha":\n- .data.a\n'
        'conflicts with "beta":\n- .data.b',
    ),
    "two fields of one": (
        [("alpha", config(a="1", b="1"))],
        config(a="2", b="2"),
        'Apply failed with 2 conflicts: conflicts with "alpha":\n- .data.a\n- .data.b',
    ),
}


@pytest.mark.parametrize(("before", "document", "message"), CONFLICTS.values(), ids=CONFLICTS)
def test_conflicts(before: list[tuple[str, Object]], document: Object, message: str) -> None:
    live: Message | None = None
    for manager, earlier in before:
        live = applied(live, earlier, manager)
    with pytest.raises(Conflict) as caught:
        applied(live, document, "new")
    assert caught.value.message == message
    assert {cause.reason for cause in caught.value.causes} == {"FieldManagerConflict"}
    forced = applied(live, document, "new", force=True)
    assert body(forced) == document
    assert owners(forced) == {"new": [f".data.{key}" for key in sorted(document["data"])]}


def test_a_conflict_with_an_update_names_the_version_and_the_subresource() -> None:
    live = written(None, config(a="1"), "editor")
    with pytest.raises(Conflict) as caught:
        applied(live, config(a="2"), "alpha")
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a'
    scaled = written(
        applied(None, deployment(replicas=3), "alpha", DEPLOYMENT),
        deployment(replicas=5),
        "scaler",
        DEPLOYMENT,
        subresource="scale",
    )
    with pytest.raises(Conflict) as caught:
        applied(scaled, deployment(replicas=3), "alpha", DEPLOYMENT)
    assert caught.value.causes[0].message == 'conflict with "scaler" with subresource "scale" using apps/v1'


def test_the_same_value_is_no_conflict_and_is_shared() -> None:
    obj = applied(applied(None, config(a="1"), "alpha"), config(a="1"), "beta")
    assert owners(obj) == {"alpha": [".data.a"], "beta": [".data.a"]}


def test_a_zero_has_one_owner() -> None:
    alpha = applied(None, deployment(minReadySeconds=0), "alpha", DEPLOYMENT)
    again = applied(alpha, deployment(minReadySeconds=0), "alpha", DEPLOYMENT)
    assert again == alpha

    with pytest.raises(Conflict, match=r'conflict with "alpha": \.spec\.minReadySeconds'):
        applied(alpha, deployment(minReadySeconds=0), "beta", DEPLOYMENT)
    taken = applied(alpha, deployment(minReadySeconds=0), "beta", DEPLOYMENT, force=True)
    assert owners(taken) == {"beta": [".spec.minReadySeconds"]}


def test_an_amount_written_in_another_way_is_the_same() -> None:
    limits = {"name": "m", "resources": {"limits": {"cpu": "1"}}}
    same = {"name": "m", "resources": {"limits": {"cpu": "1000m"}}}
    obj = applied(applied(None, pod(limits), "alpha", POD), pod(same), "beta", POD)
    assert '.spec.containers[name="m"].resources.limits.cpu' in owners(obj)["beta"]


LISTS = {
    "a keyed list: one's own element comes and goes": (
        pod({"name": "a", "image": "x"}),
        [pod({"name": "b", "image": "y"}), pod()],
        pod({"name": "a", "image": "x"}),
    ),
    "a keyed list: the server's elements stay in front": (
        pod({"name": "a"}, {"name": "b"}),
        [pod({"name": "c"})],
        pod({"name": "a"}, {"name": "b"}, {"name": "c"}),
    ),
    "a keyed list: the document's order": (
        pod({"name": "a"}, {"name": "x"}, {"name": "b"}),
        [pod({"name": "b"}, {"name": "n"}, {"name": "a"})],
        pod({"name": "x"}, {"name": "b"}, {"name": "n"}, {"name": "a"}),
    ),
    "a key with a default": (
        pod({"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}),
        [pod({"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]})],
        pod(
            {
                "name": "a",
                "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}],
            }
        ),
    ),
    "an empty object is owned and goes": (
        pod({"name": "a"}),
        [
            pod(volumes=[{"name": "v", "emptyDir": {}}]),
            pod(volumes=[{"name": "v", "hostPath": {"path": "/h"}}]),
        ],
        pod({"name": "a"}, volumes=[{"name": "v", "hostPath": {"path": "/h"}}]),
    ),
}


@pytest.mark.parametrize(("start", "documents", "expected"), LISTS.values(), ids=LISTS)
def test_lists(start: Object, documents: list[Object], expected: Object) -> None:
    live = applied(None, start, "alpha", POD)
    for document in documents:
        live = applied(live, document, "beta", POD)
    wanted = codec.decode(expected, POD.message).message
    assert body(live)["spec"] == codec.to_dict(wanted)["spec"]


def test_atomic_values_have_one_owner() -> None:
    live = applied(None, pod({"name": "a", "args": ["x"]}, nodeSelector={"a": "1"}), "alpha", POD)
    assert '.spec.containers[name="a"].args' in owners(live)["alpha"]
    for document in (pod({"name": "a", "args": ["y"]}), pod(nodeSelector={"b": "1"})):
        with pytest.raises(Conflict):
            applied(live, document, "beta", POD)


def test_sets_merge_by_value() -> None:
    def finalized(*names: str) -> Object:
        return {**config(), "metadata": {"name": "c", "finalizers": list(names)}}

    live = applied(applied(None, finalized("x/a", "x/b"), "alpha"), finalized("x/c"), "beta")
    assert body(live)["metadata"]["finalizers"] == ["x/a", "x/b", "x/c"]
    live = applied(live, finalized("x/b"), "alpha")
    assert body(live)["metadata"]["finalizers"] == ["x/b", "x/c"]
    assert (
        owners(live)["beta"] == ['.metadata.finalizers[="x/c"]', ".data"]
        or '.metadata.finalizers[="x/c"]' in (owners(live)["beta"])
    )


def test_status_belongs_to_its_subresource() -> None:
    document = {**deployment(replicas=1), "status": {"replicas": 7}}
    live = applied(None, document, "alpha", DEPLOYMENT)
    assert owners(live) == {"alpha": [".spec.replicas"]}
    live = applied(live, document, "ctl", DEPLOYMENT, subresource="status")
    assert owners(live) == {"alpha": [".spec.replicas"], "ctlstatus": [".status.replicas"]}
    assert body(live)["status"] == {"replicas": 7}


def test_an_untracked_object_belongs_to_whoever_was_before() -> None:
    live = codec.decode(config(a="1", b="1"), CONFIG_MAP.message).message
    with pytest.raises(Conflict, match='conflict with "before-first-apply" using v1'):
        applied(live, config(a="2"), "alpha")
    assert owners(applied(live, config(a="1"), "alpha")) == {
        "alpha": [".data.a"],
        "before-first-apply*": [".data", ".data.a", ".data.b"],
    }


def client_side(**data: str) -> Message:
    """An object that kubectl applied on the client's side."""
    value = config(**data)
    text = json.dumps(value)
    value["metadata"] = {
        "name": "c",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": text},
    }
    return written(None, value, "kubectl-client-side-apply")


def test_kubectl_takes_over_from_client_side_apply() -> None:
    live = client_side(a="1")
    with pytest.raises(Conflict):
        applied(live, config(a="2"), "alpha")
    obj = applied(live, config(a="2"), "kubectl")
    noted = body(obj)["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert json.loads(noted) == config(a="2")
    assert owners(obj)["kubectl"] == [".data.a"]


def test_kubectl_may_not_take_what_others_changed_since() -> None:
    live = client_side(a="1")
    changed = codec.object_to_dict(live)
    changed["data"]["a"] = "9"
    live = written(live, changed, "editor")
    with pytest.raises(Conflict, match='"editor"'):
        applied(live, config(a="2"), "kubectl")


def test_knarr_takes_over_all_that_client_side_apply_owned() -> None:
    obj = applied(client_side(a="1", b="2"), config(a="2"), "knarr")
    assert body(obj) == config(a="2")
    assert owners(obj) == {"knarr": [".data.a"]}


REFUSED: dict[str, tuple[Any, str]] = {
    "another version": ({**config(), "apiVersion": "v2"}, "Incorrect version specified in apply patch"),
    "no version": ({"kind": "ConfigMap"}, "Specified patch version: , expected: v1"),
    "another kind": ({**config(), "kind": "Secret"}, "is of kind 'Secret', expected ConfigMap"),
    "managed fields": (
        {**config(), "metadata": {"name": "c", "managedFields": []}},
        "metadata.managedFields must be nil",
    ),
    "an unknown field": ({**config(), "bogus": 1}, "bogus: unknown field"),
    "a wrong type": (config(a=1), "data[a]: expected a string"),
    "a double in a set": (
        {**config(), "metadata": {"name": "c", "finalizers": ["x/a", "x/a"]}},
        '.metadata.finalizers: duplicate entries for key [="x/a"]',
    ),
    "no object": ("x", "must be a JSON object"),
}


@pytest.mark.parametrize(("document", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(document: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        applied(None, document, "alpha")
    assert message in caught.value.message


def test_refuses_elements_without_key_and_doubles() -> None:
    port = {"name": "a", "port": 80}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [port, port]},
    }
    with pytest.raises(BadRequest) as caught:
        applied(None, service, "alpha", SERVICE)
    assert '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]' in caught.value.message
    with pytest.raises(BadRequest, match='omits key field "name"'):
        applied(None, pod({"image": "x"}), "alpha", POD)


@pytest.mark.parametrize("manager", ["", "a\tb", "x" * 129])
def test_refuses_a_manager_that_is_no_name(manager: str) -> None:
    with pytest.raises(Invalid) as caught:
        applied(None, config(), manager)
    assert caught.value.causes[0].field == "fieldManager"


def test_old_updaters_become_one() -> None:
    live = written(None, config(k="1"), "m0")
    for number in range(1, 15):
        data = {"k": "1"} | {f"k{inner}": "1" for inner in range(number)}
        live = written(live, {**codec.object_to_dict(live), "data": data}, f"m{number}", now=50.0 + number)
    names = owners(live)
    assert len(names) == MAX_UPDATERS
    assert {".data.k0", ".data.k1", ".data.k2", ".data.k3"} <= set(names["ancient-changes*"])


DATA = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xy"), max_size=4)
ENV = st.fixed_dictionaries({"name": st.sampled_from("EF")}, optional={"value": st.sampled_from("12")})
CONTAINER: st.SearchStrategy[Object] = st.builds(
    lambda name, fields: {"name": name, **fields},
    st.sampled_from("abc"),
    st.fixed_dictionaries(
        {},
        optional={
            "image": st.sampled_from("xy"),
            "args": st.lists(st.sampled_from("pq"), max_size=2),
            "env": st.lists(ENV, max_size=2, unique_by=lambda item: item["name"]),
        },
    ),
)
CONTAINERS = st.lists(CONTAINER, max_size=3, unique_by=lambda item: str(item["name"]))


@given(start=CONTAINERS, document=CONTAINERS)
@settings(max_examples=100, deadline=None)
def test_applying_twice_is_applying_once(start: list[Object], document: list[Object]) -> None:
    live = applied(None, pod(*start), "alpha", POD)
    once = applied(live, pod(*document), "beta", POD, force=True)
    assert applied(once, pod(*document), "beta", POD, now=300.0) == once


@given(start=CONTAINERS, document=CONTAINERS)
@settings(max_examples=100, deadline=None)
def test_what_is_applied_is_so_and_what_was_goes(start: list[Object], document: list[Object]) -> None:
    """One applier alone: the object is what the last document says, whatever it said before."""
    live = applied(applied(None, pod(*start), "alpha", POD), pod(*document), "alpha", POD)
    said = codec.to_dict(codec.decode(pod(*document), POD.message).message)["spec"]
    named = {item["name"]: item for item in said.get("containers") or []}
    assert {item["name"]: item for item in body(live)["spec"].get("containers") or []} == named


@given(left=DATA, right=DATA)
@settings(max_examples=100, deadline=None)
def test_disjoint_managers_commute(left: dict[str, str], right: dict[str, str]) -> None:
    mine = config(**{f"l{key}": value for key, value in left.items()})
    yours = config(**{f"r{key}": value for key, value in right.items()})
    one = applied(applied(None, mine, "alpha"), yours, "beta")
    other = applied(applied(None, yours, "beta"), mine, "alpha")
    assert one == other
    gone = applied(one, {**config(), "data": {}}, "beta")
    assert body(gone).get("data", {}) == mine["data"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "containers", "name", "labels", "finalizers", "ports", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(document=st.dictionaries(st.sampled_from(["metadata", "spec", "status", "x"]), JSON, max_size=3))
@settings(max_examples=150, deadline=None)
def test_arbitrary_json_is_applied_or_refused(document: Object) -> None:
    live = applied(None, pod({"name": "a"}), "alpha", POD)
    try:
        applied(live, {"apiVersion": "v1", "kind": "Pod", **document}, "beta", POD, force=True)
    except BadRequest:
        return

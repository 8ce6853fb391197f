"""Indexes: after any changes they find what a look at every object would."""

from hypothesis import given
from hypothesis import strategies as st

from knarr.client.indexes import Index, namespace_of, node_of, owners_of
from knarr.client.known import Key
from knarr.proto.kubernetes import core_v1_pb2 as core

KEYS = st.tuples(st.sampled_from("nm"), st.sampled_from("abc"))
VALUES = st.lists(st.sampled_from("xyz"), max_size=4)


def tagged(values: list[str]) -> core.ConfigMap:
    made = core.ConfigMap()
    made.metadata.finalizers.extend(values)
    return made


@given(st.lists(st.tuples(KEYS, VALUES | st.none()), max_size=30))
def test_an_index_finds_what_a_look_at_all_would(acts: list[tuple[Key, list[str] | None]]) -> None:
    index = Index[core.ConfigMap](lambda obj: obj.metadata.finalizers)
    there: dict[Key, list[str]] = {}
    for key, values in acts:
        if values is None:
            index.drop(key)
            there.pop(key, None)
        else:
            index.put(key, tagged(values))
            there[key] = values
        for value in "xyz":
            assert set(index.find(value)) == {key for key, values in there.items() if value in values}
        assert set(index.values()) == {value for values in there.values() for value in values}


def test_the_ready_made_ones() -> None:
    pod = core.Pod()
    pod.metadata.namespace = "n"
    assert (list(namespace_of(pod)), list(owners_of(pod)), list(node_of(pod))) == (["n"], [], [])
    pod.spec.nodeName = "alpha"
    for uid in ("u1", "u2"):
        pod.metadata.ownerReferences.add(uid=uid)
    assert (list(owners_of(pod)), list(node_of(pod))) == (["u1", "u2"], ["alpha"])

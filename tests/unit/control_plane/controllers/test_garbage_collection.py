"""Who is collected when owners go: in a model, step by step, and for any graph in any order."""

import random

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.actions import Delete, Instance, Update, key_of, metadata
from control_plane.controllers.garbage import GarbageController
from control_plane.objects.interface import DeleteOptions, ObjectKey, Propagation
from knarr.api.kinds import KINDS
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.deciding import attach, decided, step, writes
from tests.support.model import Model


def config_map(name: str, *owners: meta.OwnerReference) -> core.ConfigMap:
    obj = core.ConfigMap()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.uid = name, "default", f"uid-{name}"
    obj.metadata.ownerReferences.extend(owners)
    return obj


def owner(
    name: str, *, blocks: bool = True, controls: bool = False, kind: str = "ConfigMap"
) -> meta.OwnerReference:
    reference = meta.OwnerReference(
        apiVersion="v1", kind=kind, name=name, uid=f"uid-{name}", blockOwnerDeletion=blocks
    )
    if controls:
        reference.controller = True
    return reference


def key(name: str) -> ObjectKey:
    return ObjectKey("ConfigMap", "default", name)


class Cluster:
    """A model whose changes name keys, and a collector that takes them one by one."""

    def __init__(self, *objects: Message) -> None:
        self.model, self.collector = Model(), GarbageController()
        self.keys = attach(self.model, self.collector)
        for obj in objects:
            self.model.put_new(obj)

    def delete(self, name: str, propagation: Propagation = Propagation.BACKGROUND) -> None:
        """As somebody asks for it."""
        self.model.remove(key(name), DeleteOptions(propagation=propagation))

    def run(self) -> None:
        """Until no key is left."""
        steps = 0
        while self.keys:
            steps += 1
            assert steps < 1000
            step(self.model, self.collector, self.keys.pop(0))

    def names(self) -> set[str]:
        return {one.name for one in self.model.keys(core.ConfigMap)}


@pytest.mark.parametrize("controls", [True, False], ids=["controlled", "owned"])
def test_dependents_go_after_their_owner_all_the_way_down(controls: bool) -> None:
    cluster = Cluster(
        config_map("a"),
        config_map("b", owner("a", controls=controls)),
        config_map("c", owner("b", controls=controls)),
        config_map("other"),
    )
    cluster.run()
    assert cluster.names() == {"a", "b", "c", "other"}
    cluster.delete("a")
    cluster.run()
    assert cluster.names() == {"other"}


def test_a_dependent_of_two_owners_stays_with_the_other() -> None:
    cluster = Cluster(config_map("a"), config_map("b"), config_map("c", owner("a"), owner("b")))
    cluster.delete("a")
    cluster.run()
    kept = cluster.model.one(core.ConfigMap, "default", "c")
    assert list(kept.metadata.ownerReferences) == [owner("b")]


def test_an_owner_is_known_by_its_uid() -> None:
    stranger = config_map("a")
    stranger.metadata.uid = "another"
    cluster = Cluster(stranger, config_map("b", owner("a")))
    cluster.run()
    assert cluster.names() == {"a"}


def test_an_owner_of_a_kind_that_is_not_served_is_taken_to_exist() -> None:
    cluster = Cluster(config_map("b", owner("x", kind="Spaceship")))
    cluster.run()
    assert cluster.names() == {"b"}


def test_foreground_waits_for_those_that_block() -> None:
    cluster = Cluster(
        config_map("a"),
        config_map("b", owner("a")),
        config_map("c", owner("b")),
        config_map("d", owner("a", blocks=False)),
    )
    held = cluster.model.one(core.ConfigMap, "default", "c")
    held.metadata.finalizers.append("example.com/held")
    cluster.model.put(held)
    cluster.delete("a", Propagation.FOREGROUND)
    cluster.run()
    assert cluster.names() == {"a", "b", "c"}
    freed = cluster.model.one(core.ConfigMap, "default", "c")
    freed.metadata.finalizers.remove("example.com/held")
    cluster.model.put(freed)
    cluster.run()
    assert cluster.names() == set()


def test_orphan_leaves_the_dependents_without_owner() -> None:
    cluster = Cluster(config_map("a"), config_map("b", owner("a")), config_map("c", owner("a"), owner("b")))
    cluster.delete("a", Propagation.ORPHAN)
    cluster.run()
    assert cluster.names() == {"b", "c"}
    assert not cluster.model.one(core.ConfigMap, "default", "b").metadata.ownerReferences


def test_absence_that_was_not_seen_to_happen_is_checked_in_the_store() -> None:
    """The cache of one kind may be behind that of another."""
    cluster = Cluster(config_map("b", owner("a")), config_map("c", owner("a"), owner("b")))
    unless = (Instance(key("a"), "uid-a"),)
    options = DeleteOptions(uid="uid-b", propagation=Propagation.BACKGROUND)
    assert decided(cluster.model, cluster.collector, key("b")) == (Delete(key("b"), options, unless=unless),)
    (update,) = decided(cluster.model, cluster.collector, key("c"))
    assert isinstance(update, Update)
    assert update.unless == unless


def test_what_is_being_deleted_already_is_left_to_it() -> None:
    gone = config_map("b", owner("a"))
    gone.metadata.finalizers.append("example.com/held")
    cluster = Cluster(config_map("a"), gone)
    cluster.model.remove(key("b"))
    cluster.delete("a")
    cluster.keys.clear()
    assert decided(cluster.model, cluster.collector, key("b")) == ()


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.booleans(), st.booleans()), max_size=14)


@settings(max_examples=150, deadline=None)
@given(EDGES, st.lists(st.tuples(st.integers(0, 7), st.sampled_from(Propagation)), max_size=4), st.integers())
def test_any_graph_in_any_order_stopped_anywhere_converges(
    edges: list[tuple[int, int, bool, bool]], deletions: list[tuple[int, Propagation]], seed: int
) -> None:
    story = random.Random(seed)
    owners: dict[int, list[meta.OwnerReference]] = {number: [] for number in range(8)}
    for parent, child, blocks, controls in edges:
        if parent < child and all(one.name != f"n{parent}" for one in owners[child]):
            first = not any(one.controller for one in owners[child])
            owners[child].append(owner(f"n{parent}", blocks=blocks, controls=controls and first))
    cluster = Cluster(*(config_map(f"n{number}", *owners[number]) for number in range(8)))
    for number, propagation in deletions:
        if f"n{number}" in cluster.names():
            cluster.delete(f"n{number}", propagation)
        for _ in range(story.randint(0, 4)):
            if cluster.keys:
                at = story.randrange(len(cluster.keys))
                chosen = cluster.keys.pop(at)
                if step(cluster.model, cluster.collector, chosen, at_most=story.randint(0, 2)):
                    cluster.keys.append(chosen)
    story.shuffle(cluster.keys)
    cluster.run()
    check_graph(cluster)


def check_graph(cluster: Cluster) -> None:
    """Nothing waits to be deleted, nobody has an owner that is gone, and nothing is decided any more."""
    uids = {metadata(obj).uid for kind in KINDS for obj in cluster.model.list(kind.message)}
    for obj in cluster.model.list(core.ConfigMap):
        assert not obj.metadata.HasField("deletionTimestamp")
        assert {one.uid for one in obj.metadata.ownerReferences} <= uids
        assert writes(decided(cluster.model, cluster.collector, key_of(obj))) == ()

"""The cache: what it answers, what subscribers are told, and that nothing is lost or told twice."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Sequence

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.objects.cache import CachedObjects
from control_plane.objects.feed import SLICE
from control_plane.objects.interface import ChangeType, ObjectChange, ObjectKey
from control_plane.objects.records import RecordChange
from control_plane.store.interface import Write, Written
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api import kinds
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.stores import Cut
from tests.support.virtual import on_virtual_time

KINDS = (kinds.POD, kinds.NODE, kinds.CONFIG_MAP)


def pod(name: str, **fields: str) -> core.Pod:
    made = core.Pod()
    made.metadata.name = name
    made.metadata.namespace = fields.get("namespace", "shop")
    if "app" in fields:
        made.metadata.labels["app"] = fields["app"]
    if "owner" in fields:
        made.metadata.ownerReferences.add(uid="other", controller=False)
        made.metadata.ownerReferences.add(uid=fields["owner"], controller=True)
    made.spec.nodeName = fields.get("node", "")
    made.status.phase = fields.get("phase", "Pending")
    return made


def put(obj: Message) -> Write:
    kind = kinds.of(obj)
    metadata: meta.ObjectMeta = obj.metadata  # type: ignore[attr-defined]
    return Write(kind.key(metadata.namespace, metadata.name), obj.SerializeToString(), None)


def gone(name: str, namespace: str = "shop") -> Write:
    return Write(kinds.POD.key(namespace, name), None, None)


async def write(store: MemoryStore, *writes: Write) -> int:
    """The version of the last."""
    last = 0
    for outcome in await store.write(writes):
        assert isinstance(outcome, Written)
        last = outcome.version
    return last


@contextlib.asynccontextmanager
async def running(store: MemoryStore) -> AsyncGenerator[CachedObjects, None]:
    """A cache that follows the store."""
    cache = CachedObjects(store, KINDS, random.Random(0))
    task = asyncio.create_task(cache.run(), name="cache")
    try:
        async with asyncio.timeout(10):
            await cache.synced()
        yield cache
    finally:
        task.cancel()
        await asyncio.wait([task])


class Told:
    """A subscriber that notes type, name and old version of each change, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[ChangeType, str]]] = []

    def __call__(self, changes: Sequence[ObjectChange]) -> None:
        self.batches.append([(change.type, change.key.name) for change in changes])

    @property
    def all(self) -> list[tuple[ChangeType, str]]:
        return [change for batch in self.batches for change in batch]


def names(pods: Sequence[core.Pod]) -> list[str]:
    return [one.metadata.name for one in pods]


async def test_objects_are_copies_with_their_version() -> None:
    store = MemoryStore()
    version = await write(store, put(pod("a", app="web")))
    async with running(store) as cache:
        found = cache.get(core.Pod, "shop", "a")
        assert found is not None
        assert found.metadata.resourceVersion == str(version)
        found.metadata.labels["app"] = "altered"
        again = cache.get(core.Pod, "shop", "a")
        assert again is not None
        assert again.metadata.labels["app"] == "web"
        assert cache.get(core.Pod, "shop", "b") is None
        assert cache.get(core.Pod, "other", "a") is None


async def test_lists_are_by_key_and_answer_from_indexes() -> None:
    store = MemoryStore()
    await write(
        store,
        put(pod("b", app="web", owner="rs1", node="n1")),
        put(pod("a", app="db", owner="rs2", node="n1")),
        put(pod("c", app="web", owner="rs1")),
        put(pod("a", namespace="bank", app="web", node="n2")),
    )
    async with running(store) as cache:
        assert [(one.metadata.namespace, one.metadata.name) for one in cache.list(core.Pod)] == [
            ("bank", "a"),
            ("shop", "a"),
            ("shop", "b"),
            ("shop", "c"),
        ]
        assert names(cache.list(core.Pod, "shop")) == ["a", "b", "c"]
        assert names(cache.list(core.Pod, owner_uid="rs1")) == ["b", "c"]
        assert names(cache.list(core.Pod, node_name="n1")) == ["a", "b"]
        assert names(cache.list(core.Pod, node_name="")) == ["c"]
        assert names(cache.list(core.Pod, owner_uid="rs1", node_name="n1")) == ["b"]
        assert names(cache.list(core.Pod, "bank", owner_uid="rs1")) == []
        web = meta.LabelSelector(matchLabels={"app": "web"})
        assert names(cache.list(core.Pod, "shop", labels=web)) == ["b", "c"]
        assert set(cache.keys(core.Pod)) == {
            ObjectKey("Pod", "shop", "a"),
            ObjectKey("Pod", "shop", "b"),
            ObjectKey("Pod", "shop", "c"),
            ObjectKey("Pod", "bank", "a"),
        }
        assert [record.name for record in cache.records(kinds.POD, "shop")] == ["a", "b", "c"]


async def test_changes_come_in_order_with_old_and_new() -> None:
    store = MemoryStore()
    async with running(store) as cache:
        seen: list[RecordChange] = []
        cache.subscribe_records(kinds.POD, seen.extend)
        first = await write(store, put(pod("a")))
        second = await write(store, put(pod("a", node="n1")))
        third = await write(store, gone("a"))
        await cache.seen(third)
        assert [(change.type, change.version) for change in seen] == [
            (ChangeType.ADDED, first),
            (ChangeType.MODIFIED, second),
            (ChangeType.DELETED, third),
        ]
        new, old = seen[1].new, seen[1].old
        assert isinstance(new, core.Pod)
        assert isinstance(old, core.Pod)
        assert (old.spec.nodeName, new.spec.nodeName) == ("", "n1")
        assert (old.metadata.resourceVersion, new.metadata.resourceVersion) == (str(first), str(second))
        assert (seen[0].old, seen[2].new) == (None, None)
        assert cache.version(kinds.POD) >= third


async def test_a_subscription_can_end() -> None:
    store = MemoryStore()
    async with running(store) as cache:
        told = Told()
        end = cache.subscribe([core.Pod, core.Node], told)
        await cache.seen(await write(store, put(pod("a"))))
        end()
        await cache.seen(await write(store, put(pod("b"))))
        assert told.all == [(ChangeType.ADDED, "a")]
        end()


async def test_a_late_subscriber_gets_everything_once_and_in_slices() -> None:
    store = MemoryStore()
    total = 5 * SLICE
    await write(store, *(put(pod(f"p{number:05}")) for number in range(total)))
    async with running(store) as cache:
        told = Told()
        cache.subscribe([core.Pod], told)
        version = await write(store, put(pod("later")), gone("p00000"))
        await cache.seen(version)
        await cache.synced()
        assert max(map(len, told.batches)) <= SLICE
        expected = [(ChangeType.ADDED, f"p{number:05}") for number in range(total)]
        assert told.all == [*expected, (ChangeType.ADDED, "later"), (ChangeType.DELETED, "p00000")]


async def test_a_subscriber_before_the_first_list_gets_everything_once() -> None:
    store = MemoryStore()
    await write(store, *(put(pod(f"p{number:05}")) for number in range(3 * SLICE)))
    cache = CachedObjects(store, KINDS, random.Random(0))
    told = Told()
    cache.subscribe([core.Pod], told)
    task = asyncio.create_task(cache.run(), name="cache")
    await cache.synced()
    assert told.all == [(ChangeType.ADDED, f"p{number:05}") for number in range(3 * SLICE)]
    task.cancel()
    await asyncio.wait([task])


def test_after_a_compaction_the_difference_is_told() -> None:
    async def scenario() -> None:
        backend, faults = MemoryBackend(), Cut()
        store, writer = MemoryStore(backend, faults), MemoryStore(backend)
        await write(writer, put(pod("changed")), put(pod("deleted")), put(pod("same")))
        async with running(store) as cache:
            seen: list[RecordChange] = []
            gaps: list[tuple[bool, int]] = []
            cache.subscribe_records(kinds.POD, seen.extend, lambda begins: gaps.append((begins, len(seen))))
            seen.clear()
            faults.cut = True
            await write(writer, put(pod("new")), put(pod("new", node="n1")), gone("deleted"))
            await write(writer, put(pod("changed", node="n1")), put(pod("brief")), gone("brief"))
            await asyncio.sleep(1)
            version = await write(writer, put(pod("last")))
            await writer.compact(version)
            assert not seen
            faults.cut = False
            await cache.seen(version, kinds.POD)
            assert [(change.type, change.key.name) for change in seen] == [
                (ChangeType.ADDED, "new"),
                (ChangeType.MODIFIED, "changed"),
                (ChangeType.ADDED, "last"),
                (ChangeType.DELETED, "deleted"),
            ]
            assert [change.version for change in seen] == sorted(change.version for change in seen)
            assert gaps == [(True, 0), (False, 4)]
            assert names(cache.list(core.Pod)) == ["changed", "last", "new", "same"]
            assert names(cache.list(core.Pod, node_name="n1")) == ["changed", "new"]

    on_virtual_time(scenario())


def test_seen_waits_for_its_kind_and_gives_up_in_time() -> None:
    async def scenario() -> None:
        backend, faults = MemoryBackend(), Cut()
        store, writer = MemoryStore(backend, faults), MemoryStore(backend)
        async with running(store) as cache:
            faults.cut = True
            version = await write(writer, put(pod("a")))
            waiting = asyncio.create_task(cache.seen(version), name="seen")
            await asyncio.sleep(1)
            assert not waiting.done()
            faults.cut = False
            await waiting
            with pytest.raises(TimeoutError):
                await cache.seen(version + 1_000_000)
            await cache.seen(version, kinds.POD)

    on_virtual_time(scenario())


async def test_an_unreadable_value_is_left_out() -> None:
    store = MemoryStore()
    await write(store, Write(kinds.POD.key("shop", "bad"), b"\xff\xff\xff", None), put(pod("good")))
    async with running(store) as cache:
        assert names(cache.list(core.Pod)) == ["good"]


async def test_others_run_between_the_slices_of_a_burst() -> None:
    store = MemoryStore()
    async with running(store) as cache:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count(), name="count")
        version = await write(store, *(put(pod(f"p{number}")) for number in range(20 * SLICE)))
        before = turns
        await cache.seen(version)
        assert turns - before >= 10
        counting.cancel()
        await asyncio.wait([counting])


_operation = st.tuples(
    st.sampled_from(("a", "b", "c", "d")),
    st.sampled_from(("", "n1", "n2")),
    st.sampled_from(("", "rs1", "rs2")),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(_operation, st.sampled_from(("cut", "mend", "compact"))), max_size=40))
def test_the_cache_is_the_store_whatever_happens(steps: list[tuple[str, str, str, bool] | str]) -> None:
    async def scenario() -> None:
        backend, faults = MemoryBackend(), Cut()
        store, writer = MemoryStore(backend, faults), MemoryStore(backend)
        mirror: dict[str, str] = {}

        def follow(changes: Sequence[RecordChange]) -> None:
            for change in changes:
                name = change.key.name
                if change.type is ChangeType.DELETED:
                    del mirror[name]
                else:
                    assert (name in mirror) == (change.type is ChangeType.MODIFIED)
                    assert change.current is not None
                    mirror[name] = change.current.node_name

        async with running(store) as cache:
            cache.subscribe_records(kinds.POD, follow)
            for step in steps:
                await _step(step, writer, faults)
            faults.cut = False
            version = await write(writer, put(pod("end")))
            await cache.seen(version, kinds.POD)
            stored = [
                core.Pod.FromString(one.value) for one in (await writer.list("/knarr/core/Pod/")).records
            ]
            assert mirror == {one.metadata.name: one.spec.nodeName for one in stored}
            for node in ("", "n1", "n2"):
                expected = [one.metadata.name for one in stored if one.spec.nodeName == node]
                assert names(cache.list(core.Pod, node_name=node)) == expected
            for owner in ("rs1", "rs2"):
                expected = [
                    one.metadata.name
                    for one in stored
                    if any(reference.uid == owner for reference in one.metadata.ownerReferences)
                ]
                assert names(cache.list(core.Pod, owner_uid=owner)) == expected

    on_virtual_time(scenario())


async def _step(step: tuple[str, str, str, bool] | str, writer: MemoryStore, faults: Cut) -> None:
    match step:
        case "cut":
            faults.cut = True
        case "mend":
            faults.cut = False
            await asyncio.sleep(1)
        case "compact":
            await writer.compact((await writer.list("/knarr/")).version)
        case (name, node, owner, deleted):
            fields = {"node": node, **({"owner": owner} if owner else {})}
            await writer.write([gone(name) if deleted else put(pod(name, **fields))])

"""What clients are told when the store fails, is slow, or is ahead of this server's cache."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import Binding, DeleteOptions
from control_plane.store.interface import AmbiguousError, UnavailableError, Write
from control_plane.store.memory import MemoryStore, NoFaults, Operation
from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import CONFIG_MAP, POD
from knarr.errors import ApiError, Conflict, NotFound, Timeout, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.waiting import until

SETTINGS = ApiSettings(store_timeout_s=0.1)


class Trouble(NoFaults):
    """Fails where it is told to."""

    def __init__(self) -> None:
        self.before_: dict[Operation, Callable[[], BaseException]] = {}
        self.after: Callable[[], BaseException] | None = None
        self.stuck: set[Operation] = set()
        self.released = asyncio.Event()

    async def before(self, operation: Operation, subject: str) -> None:
        await super().before(operation, subject)
        if operation in self.stuck:
            await self.released.wait()
        if operation in self.before_:
            raise self.before_[operation]()

    def after_write(self, subject: str) -> None:
        if self.after is not None:
            raise self.after()


def config_map(value: str = "1") -> core.ConfigMap:
    made = core.ConfigMap(metadata=meta.ObjectMeta(name="c", namespace="default"), data={"v": value})
    return made


async def get(world: ApiWorld) -> Any:
    return await world.api.get(CONFIG_MAP, "default", "c")


async def list_all(world: ApiWorld) -> Any:
    reference = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
    return [chunk async for chunk in world.reads.list(wire.ListRequest(reference=reference))]


async def create(world: ApiWorld) -> Any:
    return await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)


async def update(world: ApiWorld) -> Any:
    return await world.api.update(CONFIG_MAP, "default", config_map("2"), OPTIONS)


async def delete(world: ApiWorld) -> Any:
    return await world.api.delete(CONFIG_MAP, "default", "c", DeleteOptions())


@pytest.mark.parametrize("call", [get, list_all, create, delete])
@pytest.mark.parametrize("stuck", [False, True])
async def test_a_store_that_is_away_is_told_quickly(call: Callable[[ApiWorld], Any], stuck: bool) -> None:
    trouble = Trouble()
    async with api_world(MemoryStore(faults=trouble), settings=SETTINGS) as world:
        for operation in (Operation.GET, Operation.LIST, Operation.WRITE):
            if stuck:
                trouble.stuck.add(operation)
            trouble.before_[operation] = lambda: UnavailableError("no route")
        async with asyncio.timeout(2):
            with pytest.raises(Unavailable if not stuck or call is not create else Timeout) as told:
                await call(world)
        assert "store (etcd)" in told.value.message
        trouble.released.set()


async def test_a_write_that_was_not_confirmed_is_told_as_such() -> None:
    trouble = Trouble()
    async with api_world(MemoryStore(faults=trouble), settings=SETTINGS) as world:
        trouble.before_[Operation.WRITE] = lambda: AmbiguousError("cut off")
        with pytest.raises(Timeout, match="read the object and compare its resourceVersion"):
            await create(world)
        with pytest.raises(NotFound):
            await get(world)


async def test_a_write_that_was_done_all_the_same_is_found_out() -> None:
    trouble = Trouble()
    async with api_world(MemoryStore(faults=trouble), settings=SETTINGS) as world:
        trouble.after = lambda: AmbiguousError("the answer was lost")
        made = await create(world)
        assert made.outcome == wire.CREATED
        assert (await get(world)).metadata.resourceVersion == made.obj.metadata.resourceVersion
        assert (await update(world)).obj.data["v"] == "2"


async def test_a_removal_that_was_not_confirmed_is_told_as_such() -> None:
    trouble = Trouble()
    async with api_world(MemoryStore(faults=trouble), settings=SETTINGS) as world:
        await create(world)
        trouble.after = lambda: AmbiguousError("the answer was lost")
        with pytest.raises(Timeout):
            await delete(world)


async def test_bindings_are_told_one_by_one() -> None:
    trouble = Trouble()
    async with api_world(MemoryStore(faults=trouble), settings=SETTINGS) as world:
        pod = core.Pod(metadata=meta.ObjectMeta(name="p", namespace="default"))
        pod.spec.containers.add(name="c", image="i:1")
        made = await world.writer.create(pod)
        trouble.before_[Operation.WRITE] = lambda: UnavailableError("no route")
        (error,) = await world.writer.bind([Binding("default", "p", made.metadata.uid, "n1")])
        assert isinstance(error, Unavailable)


class _Behind(NoFaults):
    """The cache is told nothing until it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.let.set()

    async def before(self, operation: Operation, subject: str) -> None:
        await super().before(operation, subject)
        if operation is Operation.WATCH:
            await self.let.wait()


async def test_a_cache_that_is_behind_decides_nothing() -> None:
    """Another replica has changed, created and deleted what this one's cache shows otherwise."""
    backend, behind = MemoryBackend(), _Behind()
    async with (
        api_world(MemoryStore(backend, behind), settings=SETTINGS) as world,
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as other,
    ):
        await create(world)
        behind.let.clear()
        newer: Any = (await other.api.update(CONFIG_MAP, "default", config_map("2"), OPTIONS)).obj
        await other.api.create(CONFIG_MAP, "default", _named("new"), OPTIONS)

        before = backend.revision
        # The newest version is no conflict, though the cache does not know it.
        newer.data["v"] = "3"
        finish = asyncio.create_task(world.api.update(CONFIG_MAP, "default", newer, OPTIONS))
        # What the cache shows already is a change where the store has something else.
        back = asyncio.create_task(world.api.update(CONFIG_MAP, "default", config_map("1"), OPTIONS))
        there = asyncio.create_task(world.api.update(CONFIG_MAP, "default", _named("new", "9"), OPTIONS))
        await until(lambda: backend.revision == before + 3, "three writes")
        behind.let.set()
        outcomes = [(await task).outcome for task in (finish, back, there)]
        assert outcomes == [wire.CONFIGURED] * 3
        assert (await get(world)).data["v"] == "1"
        await other.api.delete(CONFIG_MAP, "default", "new", DeleteOptions())
        with pytest.raises(NotFound):
            await world.api.update(CONFIG_MAP, "default", _named("new"), OPTIONS)


def _named(name: str, value: str = "1") -> core.ConfigMap:
    made = config_map(value)
    made.metadata.name = name
    return made


async def test_many_writers_of_one_object_all_get_through() -> None:
    async with api_world(settings=ApiSettings(write_attempts=100)) as world:
        await create(world)

        def count(current: Any) -> Any:
            current.data["v"] = str(int(current.data["v"]) + 1)
            return current

        await asyncio.gather(
            *(world.api.change(CONFIG_MAP, "default", "c", count, OPTIONS) for _ in range(30))
        )
        assert (await get(world)).data["v"] == "31"


async def test_tries_are_bounded() -> None:
    async with api_world(settings=ApiSettings(write_attempts=3)) as world:
        await create(world)
        tries = 0

        def meddle(current: Any) -> Any:
            nonlocal tries
            tries += 1
            backend = world.store.backend  # type: ignore[attr-defined]
            key = CONFIG_MAP.key("default", "c")
            record = backend.get(key)
            backend.write([Write(key, record.value, None)])
            current.data["v"] = str(tries)
            return current

        with pytest.raises(Conflict, match="the object has been modified"):
            await world.api.change(CONFIG_MAP, "default", "c", meddle, OPTIONS)
        assert tries == 3


# bindings


async def pods(world: ApiWorld, count: int) -> list[Binding]:
    bindings = []
    for number in range(count):
        pod = core.Pod(metadata=meta.ObjectMeta(name=f"p{number}", namespace="default"))
        pod.spec.containers.add(name="c", image="i:1")
        made = await world.writer.create(pod)
        bindings.append(Binding("default", made.metadata.name, made.metadata.uid, "n1"))
    return bindings


async def test_bindings_set_the_node_and_the_condition() -> None:
    async with api_world() as world:
        bindings = await pods(world, 130)
        assert await world.writer.bind(bindings) == [None] * 130
        for binding in bindings:
            bound = world.objects.get(core.Pod, "default", binding.name)
            assert bound is not None
            assert bound.spec.nodeName == "n1"
            (condition,) = bound.status.conditions
            assert (condition.type, condition.status) == ("PodScheduled", "True")
        assert await world.writer.bind([]) == []


async def test_what_cannot_be_bound_is_told_beside_what_was() -> None:
    async with api_world() as world:
        first, second, third, fourth, fifth = await pods(world, 5)
        await world.api.delete(POD, "default", second.name, DeleteOptions())
        gated = world.objects.get(core.Pod, "default", third.name)
        assert gated is not None
        await world.writer.bind([fourth])
        wanted = [
            first,
            second,
            Binding("default", third.name, "another", "n1"),
            Binding("default", fourth.name, fourth.uid, "n2"),
            fifth,
        ]
        errors = [error.message if error else "" for error in await world.writer.bind(wanted)]
        assert errors[0] == errors[4] == ""
        assert errors[1] == 'pods "p1" not found'
        assert "UID in precondition: another" in errors[2]
        assert errors[3] == (
            'Operation cannot be fulfilled on pods/binding "p3": pod p3 is already assigned to node "n1"'
        )


async def test_a_pod_that_changed_meanwhile_is_bound_all_the_same() -> None:
    backend, behind = MemoryBackend(), _Behind()
    async with (
        api_world(MemoryStore(backend, behind)) as world,
        api_world(MemoryStore(backend), seed=2) as other,
    ):
        bindings = await pods(world, 3)
        await other.objects.synced()
        behind.let.clear()
        changed: Any = await other.api.get(POD, "default", "p1")
        changed.metadata.labels["new"] = "1"
        await other.writer.update(changed)
        binding = asyncio.create_task(world.writer.bind(bindings))
        await until(lambda: all(_node(backend, each.name) for each in bindings), "three bindings")
        behind.let.set()
        errors: list[ApiError | None] = list(await binding)
        assert errors == [None] * 3
        bound: Any = await other.api.get(POD, "default", "p1")
        assert (bound.spec.nodeName, bound.metadata.labels["new"]) == ("n1", "1")


def _node(backend: MemoryBackend, name: str) -> str:
    record = backend.get(POD.key("default", name))
    assert record is not None
    return core.Pod.FromString(record.value).spec.nodeName

"""What the ledger writes together, and the corners of its rounds."""

import asyncio
from collections import deque

import pytest

from control_plane.api.admission.quotas import Change, Charged
from control_plane.api.admission.quotas.rounds import ROUND_WRITES, Entry, next_round
from control_plane.api.api import WriteOptions
from control_plane.objects.interface import DeleteOptions
from control_plane.store.interface import ABSENT, MAX_TOGETHER, POSITIONS, UnavailableError, Write
from control_plane.store.memory import MemoryStore, Operation
from control_plane.store.memory_backend import MemoryBackend
from knarr.api import kinds
from knarr.errors import ApiError, Forbidden, NotFound, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import create, made, pod_of, quota, service
from tests.support.api import OPTIONS, api_world
from tests.support.replicas import two_replicas
from tests.support.waiting import until

CHANGE = Change(kinds.POD, None, None)
DRY = WriteOptions(manager="tests", dry_run=True)


def queue_of(*writes: Write) -> deque[Entry]:
    return deque(Entry(Charged(CHANGE, write)) for write in writes)


def new(name: str, size: int = 1) -> Write:
    return Write(name, b"v" * size, ABSENT)


def keys(entries: list[Entry]) -> list[str]:
    return [entry.item.write.key for entry in entries]


async def test_a_round_takes_as_many_as_one_step_has_room_for() -> None:
    queue = queue_of(*(new(f"/{number}") for number in range(100)))
    assert len(next_round(queue, 1)) == ROUND_WRITES
    assert len(next_round(queue, MAX_TOGETHER - 5)) == 5
    assert len(next_round(queue, MAX_TOGETHER)) == 1
    assert len(queue) == 100 - ROUND_WRITES - 6


async def test_a_round_takes_no_key_and_no_position_twice_and_keeps_the_order() -> None:
    def gone(name: str, position: int) -> Write:
        return Write(name, None, 5 * POSITIONS + position)

    queue = queue_of(gone("/a", 1), gone("/b", 1), new("/c"), new("/c"), gone("/d", 2), gone("/e", 1))
    assert keys(next_round(queue, 1)) == ["/a", "/c", "/d"]
    assert keys(next_round(queue, 1)) == ["/b", "/c"]
    assert keys(next_round(queue, 1)) == ["/e"]


async def test_a_round_is_not_too_large_unless_one_object_is() -> None:
    queue = queue_of(new("/a", 600_000), new("/b", 600_000), new("/c", 1_048_576))
    assert [keys(next_round(queue, 1)) for _ in range(3)] == [["/a"], ["/b"], ["/c"]]


async def test_a_quota_that_counts_quotas_can_be_deleted() -> None:
    async with api_world() as world:
        await create(world, quota("q", {"resourcequotas": "2", "count/resourcequotas": "2"}))
        await create(world, quota("other", {"pods": "1"}))
        with pytest.raises(Forbidden, match="exceeded quota: q"):
            await create(world, quota("third", {"pods": "1"}))
        for name in ("q", "other"):
            await world.writer.delete(kinds.RESOURCE_QUOTA, "default", name, DeleteOptions())
        with pytest.raises(NotFound):
            await world.api.get(kinds.RESOURCE_QUOTA, "default", "q")


async def test_many_quotas_are_charged_together() -> None:
    async with api_world() as world:
        for number in range(30):
            await create(world, quota(f"q{number}", {"pods": "30"}))
        await asyncio.gather(*(create(world, pod_of(f"p{number}")) for number in range(30)))
        found = await world.api.storage.newest_all(kinds.RESOURCE_QUOTA, "default")
        used = {each.status.used["pods"].string for each in found if isinstance(each, core.ResourceQuota)}
        assert used == {"30"}


async def test_a_quota_that_another_replica_deleted_is_no_obstacle() -> None:
    async with two_replicas() as (first, second):
        await create(first, quota("q", {"pods": "1"}))
        await until(lambda: second.objects.get(core.ResourceQuota, "default", "q") is not None, "the quota")
        await create(second, pod_of("a"))
        await asyncio.gather(
            first.writer.delete(kinds.RESOURCE_QUOTA, "default", "q", DeleteOptions()),
            create(second, made(core.ConfigMap, "c")),
        )
        await create(second, pod_of("b"))


async def test_a_rehearsal_is_checked_and_charges_nothing() -> None:
    async with api_world() as world:
        await create(world, quota("q", {"pods": "1"}))
        await world.api.create(kinds.POD, "default", pod_of("a"), DRY)
        await create(world, pod_of("a"))
        with pytest.raises(Forbidden, match="exceeded quota"):
            await world.api.create(kinds.POD, "default", pod_of("b"), DRY)
        await world.api.create(kinds.CONFIG_MAP, "default", made(core.ConfigMap, "c"), DRY)


async def test_a_changed_service_is_charged_the_difference() -> None:
    async with api_world() as world:
        await create(world, quota("q", {"services.nodeports": "1"}))
        stored = await create(world, service("s", 80, 443))
        stored.spec.type = "NodePort"
        with pytest.raises(Forbidden, match=r"requested: services\.nodeports=2"):
            await world.api.update(kinds.SERVICE, "default", stored, OPTIONS)
        del stored.spec.ports[1:]
        await world.api.update(kinds.SERVICE, "default", stored, OPTIONS)
        found = await world.api.get(kinds.RESOURCE_QUOTA, "default", "q")
        assert isinstance(found, core.ResourceQuota)
        assert found.status.used["services.nodeports"].string == "1"


class Down:
    """A store that takes no writes."""

    down = False

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(0)
        if self.down and operation is Operation.WRITE:
            raise UnavailableError("down")

    def after_write(self, subject: str) -> None:
        return None


async def test_everybody_is_told_when_the_store_is_down() -> None:
    faults = Down()
    async with api_world(MemoryStore(MemoryBackend(), faults)) as world:
        await create(world, quota("q", {"pods": "100"}))
        await create(world, pod_of("first"))
        faults.down = True
        made_: list[core.Pod | BaseException] = await asyncio.gather(
            *(create(world, pod_of(f"p{number}")) for number in range(60)), return_exceptions=True
        )
        assert all(isinstance(each, Unavailable) for each in made_)
        faults.down = False
        await create(world, pod_of("p0"))


async def test_what_is_not_written_in_time_may_have_been_written() -> None:
    entry = Entry(Charged(CHANGE, new("/a")))
    outcome = entry.outcome()
    assert not isinstance(outcome, ApiError)
    assert "not written in time" in str(outcome)

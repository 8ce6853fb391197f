"""What EtcdStore does when the way to etcd, or etcd itself, fails."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator

import grpc
import grpc.aio
import pytest

from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdClient, EtcdSettings, LargeAnswerError
from control_plane.store.interface import (
    ABSENT,
    AmbiguousError,
    CompactedError,
    Failed,
    Record,
    UnavailableError,
    Write,
    Written,
)
from tests.support.etcd import RealEtcd
from tests.support.proxy import Proxy, proxy_to
from tests.support.stores import create, put, take, through, written

pytestmark = pytest.mark.etcd


@pytest.fixture
async def proxy(etcd: RealEtcd) -> AsyncGenerator[Proxy, None]:
    async with proxy_to(etcd.endpoint) as made:
        yield made


@pytest.fixture
async def far(proxy: Proxy) -> AsyncGenerator[EtcdStore, None]:
    """A store behind the proxy, connected."""
    store = through(proxy)
    await store.get("/a/x")
    yield store
    await store.close()


async def test_a_write_whose_answer_is_lost_is_done_once(
    etcd: RealEtcd, proxy: Proxy, far: EtcdStore
) -> None:
    near = etcd.store()
    start = (await near.list("/a/")).version
    lost = asyncio.ensure_future(proxy.swallow_answer())
    await asyncio.sleep(0)
    (outcome,) = await far.write([Write("/a/x", b"mine", ABSENT)])
    await lost
    version = written(outcome)
    assert await near.get("/a/x") == Record("/a/x", b"mine", version)
    end = await put(near, "/a/end", b"")
    async with contextlib.aclosing(near.watch("/a/", start)) as watch:
        assert [change.version for change in await take(watch, 2)] == [version, end]


async def test_a_lost_answer_after_which_others_wrote_is_ambiguous(etcd: RealEtcd, proxy: Proxy) -> None:
    near, far = etcd.store(), through(proxy)
    await far.get("/a/x")
    lost = asyncio.ensure_future(proxy.swallow_answer())
    await asyncio.sleep(0)
    writing = asyncio.ensure_future(far.write([Write("/a/x", b"mine", ABSENT)]))
    await lost
    proxy.refuse()
    await put(near, "/a/x", b"theirs")
    proxy.allow()
    ((outcome),) = await writing
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AmbiguousError)
    assert (await near.list("/a/")).records[0].value == b"theirs"
    await far.close()


async def test_an_unconditional_write_is_never_done_twice(
    etcd: RealEtcd, proxy: Proxy, far: EtcdStore
) -> None:
    near = etcd.store()
    start = (await near.list("/a/")).version
    lost = asyncio.ensure_future(proxy.swallow_answer())
    await asyncio.sleep(0)
    (outcome,) = await far.write([Write("/a/x", b"mine", None)])
    await lost
    end = await put(near, "/a/end", b"")
    async with contextlib.aclosing(near.watch("/a/", start)) as watch:
        assert [change.version for change in await take(watch, 2)] == [written(outcome), end]


async def test_without_etcd_nothing_is_done_and_that_is_said(etcd: RealEtcd) -> None:
    await etcd.kill()
    store = etcd.store(timeout_s=0.5)
    (outcome,) = await store.write([Write("/a/x", b"", ABSENT)])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UnavailableError)
    with pytest.raises(UnavailableError):
        await store.get("/a/x")
    with pytest.raises(UnavailableError):
        await store.list("/a/")


async def test_writes_outlast_a_kill_and_restart(etcd: RealEtcd) -> None:
    store = etcd.store()
    await create(store, "/a/first")

    async def write_all() -> list[int]:
        return [await put(store, f"/a/{number:03}", b"v", ABSENT) for number in range(200)]

    writing = asyncio.ensure_future(write_all())
    await etcd.restart()
    versions = await writing
    page = await store.list("/a/")
    assert [record.version for record in page.records if record.key != "/a/first"] == versions


async def test_compaction_during_a_disconnect_is_told(etcd: RealEtcd, proxy: Proxy, far: EtcdStore) -> None:
    near = etcd.store()
    start = (await near.list("/a/")).version
    async with contextlib.aclosing(far.watch("/a/", start)) as watch:
        version = await put(near, "/a/x", b"0")
        await take(watch, 1)
        proxy.refuse()
        for number in range(5):
            version = await put(near, "/a/x", b"%d" % number, version)
        await near.compact(version)
        proxy.allow()
        with pytest.raises(CompactedError):
            await take(watch, 5)


async def test_a_deletion_at_the_compacted_revision_is_not_missed(
    etcd: RealEtcd, proxy: Proxy, far: EtcdStore
) -> None:
    """etcd forgets it and would let a watch begin there as if nothing had been."""
    near = etcd.store()
    start = (await near.list("/a/")).version
    async with contextlib.aclosing(far.watch("/a/", start)) as watch:
        version = await put(near, "/a/x", b"0")
        await take(watch, 1)
        proxy.refuse()
        deleted = written((await near.write([Write("/a/x", None, version)]))[0])
        await put(near, "/a/y", b"")
        await near.compact(deleted + 64)  # EtcdStore compacts the revision before: the deletion's
        proxy.allow()
        with pytest.raises(CompactedError):
            await take(watch, 1)


async def test_another_endpoint_is_used_when_one_is_dead(etcd: RealEtcd, proxy: Proxy) -> None:
    proxy.refuse()
    settings = EtcdSettings((f"http://{proxy.endpoint}", f"http://{etcd.endpoint}/"), request_timeout_s=20)
    store = EtcdStore.connect(settings, random.Random(3))
    outcomes = await store.write([Write("/a/x", b"", ABSENT)])
    assert [type(outcome) for outcome in outcomes] == [Written]
    await store.close()


async def test_a_lease_out_of_reach_is_lost_before_it_ends(
    etcd: RealEtcd, proxy: Proxy, far: EtcdStore
) -> None:
    near = etcd.store()
    lease = await far.lease(2)
    version = written((await far.write([Write("/a/x", b"", ABSENT, lease.id)]))[0])
    proxy.refuse()
    async with asyncio.timeout(10):
        await lease.lost()
    assert await near.get("/a/x") is not None
    async with contextlib.aclosing(near.watch("/a/", version)) as watch:
        assert [change.value for change in await take(watch, 1)] == [None]


async def test_a_value_too_large_fails_alone(etcd: RealEtcd) -> None:
    store = etcd.store()
    outcomes = await store.write([Write("/a/x", b"", ABSENT), Write("/a/y", bytes(2_000_000), ABSENT)])
    assert isinstance(outcomes[0], Written)
    assert isinstance(outcomes[1], Failed)
    assert not isinstance(outcomes[1].error, (UnavailableError, AmbiguousError))


async def test_large_values_are_watched_in_parts(etcd: RealEtcd) -> None:
    store = etcd.store()
    start = (await store.list("/a/")).version
    writes = [Write(f"/a/{number:02}", bytes([number]) * 300_000, ABSENT) for number in range(40)]
    versions = [written(outcome) for outcome in await store.write(writes)]
    async with contextlib.aclosing(store.watch("/a/", start)) as watch:
        changes = await take(watch, 40)
    assert sorted(change.version for change in changes) == sorted(versions)
    assert {change.key: change.value for change in changes} == {write.key: write.value for write in writes}


async def test_a_list_of_large_records_comes_in_smaller_pages(etcd: RealEtcd) -> None:
    def narrow(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
        """A connection that takes little at once."""
        return grpc.aio.insecure_channel(target, options=[("grpc.max_receive_message_length", 64 * 1024)])

    near = etcd.store()
    keys = [f"/a/{number:02}" for number in range(30)]
    for key in keys:
        await put(near, key, b"x" * 10_000)
    far = EtcdStore(EtcdClient(EtcdSettings((etcd.endpoint,)), random.Random(1), narrow))
    assert [record.key for record in (await far.list("/a/")).records] == keys
    page = await far.list("/a/", limit=20)
    assert page.more
    assert [record.key for record in page.records] == keys[:5]
    assert page.remaining == 25
    found = await asyncio.gather(*map(far.get, keys))
    assert [record.key for record in found if record is not None] == keys
    await put(near, "/b/x", b"x" * 100_000)
    with pytest.raises(LargeAnswerError):
        await far.list("/b/", limit=10)
    with pytest.raises(LargeAnswerError):
        await far.get("/b/x")
    await far.close()


async def test_reads_that_are_given_up_leave_the_others(etcd: RealEtcd) -> None:
    store = etcd.store()
    version = await put(store, "/a/x", b"1")
    reads = [asyncio.create_task(store.get("/a/x"), name="read") for _ in range(200)]
    await asyncio.sleep(0)
    for read in reads[::2]:
        read.cancel()
    assert await asyncio.gather(*reads[1::2]) == [Record("/a/x", b"1", version)] * 100


async def test_reads_end_when_the_store_is_closed(etcd: RealEtcd) -> None:
    await etcd.kill()
    store = etcd.store()
    reads = [asyncio.create_task(store.get("/a/x"), name="read") for _ in range(200)]
    await asyncio.sleep(0.01)
    await store.close()
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert all(isinstance(outcome, UnavailableError) for outcome in outcomes)
    with pytest.raises(UnavailableError):
        await store.get("/a/x")

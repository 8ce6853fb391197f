"""The API's own work, in this process and on a store in memory: without network, gRPC and etcd.

The gap to the figures end to end is what those cost. CPU is this process's.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from functools import partial

from control_plane.api.messages import metadata
from control_plane.objects.interface import Binding
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.benchmarks.api.documents import NAMESPACE, document, pod
from tests.benchmarks.usage import Spent, Work, forget_peak, in_turn, peak_mib, percentile, spent, usage
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.bench import Report

CLIENTS = 32
BATCH = 100
CREATED = 6_400
READ = 20_000
LISTED = 50_000
WATCHERS = 1_000
WATCHED = 200
BOUND_AT_ONCE = 500
REFERENCE = wire.Reference(api_version="v1", kind="Pod", namespace=NAMESPACE)
HOW = {"transport": "none", "store": "memory"}
SELF = {"server": os.getpid()}


async def run(report: Report) -> None:
    await _creates(report)
    await _agents(report)
    await _reads(report)
    await _fanout(report)


async def shared(work: Sequence[Work], clients: int = CLIENTS) -> Spent:
    """Do all of the work, each of `clients` one thing after another."""
    with spent(SELF) as result:
        await asyncio.gather(*(in_turn(work[first::clients]) for first in range(clients)))
    return result


def _per_s(report: Report, name: str, count: int, took: Spent, **params: object) -> None:
    report(name, count / took.wall_s, "per s", **params, **HOW, **took.cpu_us(count))


async def _creates(report: Report) -> None:
    def request(number: int) -> wire.CreateRequest:
        body = wire.Body(json=document(f"pod-{number}"))
        options = wire.WriteOptions(field_manager="bench")
        return wire.CreateRequest(reference=REFERENCE, body=body, options=options)

    async with api_world() as world:
        single = [partial(world.writes.create, request(number)) for number in range(CREATED)]
        _per_s(report, "api.create.per_s", CREATED, await shared(single), mode="single", clients=CLIENTS)
    async with api_world() as world:
        batches = [
            wire.BatchRequest(items=[wire.BatchItem(create=request(first + at)) for at in range(BATCH)])
            for first in range(0, CREATED, BATCH)
        ]
        batched = [partial(world.writes.batch, batch) for batch in batches]
        _per_s(report, "api.create.per_s", CREATED, await shared(batched), mode="batched", batch=BATCH)
    async with api_world() as world:
        internal = [partial(world.writer.create, pod(f"pod-{number}")) for number in range(CREATED)]
        _per_s(report, "api.create.per_s", CREATED, await shared(internal), mode="internal", clients=CLIENTS)


async def _agents(report: Report) -> None:
    async with api_world() as world:
        pods = await _filled(world, CREATED)
        bindings = [Binding(NAMESPACE, each.metadata.name, each.metadata.uid, "node-1") for each in pods]
        with spent(SELF) as took:
            for start in range(0, len(bindings), BOUND_AT_ONCE):
                part = bindings[start : start + BOUND_AT_ONCE]
                refused = [each for each in await world.writer.bind(part) if each]
                assert not refused, refused[0]
        _per_s(report, "api.bind.per_s", len(bindings), took, batch=BOUND_AT_ONCE)
        running = world.objects.list(core.Pod)
        for each in running:
            each.status.phase = "Running"
        work = [partial(world.writer.update_status, each) for each in running]
        _per_s(report, "api.update_status.per_s", len(work), await shared(work, 64), clients=64)


async def _filled(world: ApiWorld, count: int) -> list[core.Pod]:
    made: list[core.Pod] = []

    async def one(number: int) -> None:
        made.append(await world.writer.create(pod(f"pod-{number:05}")))

    await shared([partial(one, number) for number in range(count)], 256)
    return made


async def _reads(report: Report) -> None:
    async with api_world() as world:
        await _filled(world, LISTED)
        work: list[Work] = []
        for number in range(READ):
            named = wire.Reference(
                api_version="v1", kind="Pod", namespace=NAMESPACE, name=f"pod-{number % LISTED:05}"
            )
            work.append(partial(world.reads.get, wire.GetRequest(reference=named)))
        _per_s(report, "api.get.per_s", READ, await shared(work), clients=CLIENTS)
        await _list(report, world, "newest", wire.ListRequest(reference=REFERENCE))
        selector = "app=web,tier in (front)"
        await _list(report, world, "labels", wire.ListRequest(reference=REFERENCE, label_selector=selector))
        await _list(report, world, "cached", wire.ListRequest(reference=REFERENCE, resource_version="0"))


async def _list(report: Report, world: ApiWorld, how: str, request: wire.ListRequest) -> None:
    pid = os.getpid()
    before = usage(pid).rss_bytes / 2**20
    forget_peak(pid)
    count = 0
    with spent(SELF) as took:
        async for chunk in world.reads.list(request):
            count += len(chunk.objects)
    assert count == LISTED
    report("api.list_50k.s", took.wall_s, "s", how=how, **HOW, **took.cpu_us(1))
    report("api.list_50k.rss_mib", peak_mib(pid) - before, "MiB", how=how, **HOW)


async def _fanout(report: Report) -> None:
    async with api_world() as world:
        started = asyncio.Semaphore(0)
        delays: list[float] = []
        sent: dict[str, float] = {}
        version = str(max(1, world.objects.version(POD)))
        request = wire.WatchRequest(reference=REFERENCE, resource_version=version)

        async def watcher() -> None:
            left = WATCHED
            started.release()
            async for batch in world.reads.watch(request):
                now = time.perf_counter()
                for event in batch.events:
                    if left % 50 == 0:
                        delays.append(now - sent[metadata(core.Pod.FromString(event.object)).name])
                    left -= 1
                if not left:
                    return

        watchers = [asyncio.create_task(watcher(), name=f"watcher-{number}") for number in range(WATCHERS)]
        for _ in range(WATCHERS):
            await started.acquire()
        await asyncio.sleep(0)

        async def create(number: int) -> None:
            name = f"pod-{number:05}"
            sent[name] = time.perf_counter()
            await world.api.create(POD, NAMESPACE, pod(name), OPTIONS)

        creates = [partial(create, number) for number in range(WATCHED)]
        with spent(SELF) as took:
            shares = (in_turn(creates[first::CLIENTS]) for first in range(CLIENTS))
            await asyncio.gather(*shares, *watchers)
        _per_s(report, "api.watch_fanout.events_per_s", WATCHED * WATCHERS, took, watchers=WATCHERS)
        p99_ms = percentile(delays, 0.99) * 1e3
        report("api.watch_fanout.p99_ms", p99_ms, "ms", watchers=WATCHERS, **HOW)

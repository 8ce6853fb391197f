"""How fast the API answers in process, on a store in memory: its own work, without network and etcd.

`api.create.per_s` (mode batched: 32 batch requests of 100; mode single: one by one from 32 clients; mode
internal: as a controller, from 32 at once), `api.update_status.per_s`, `api.bind.per_s`, `api.get.per_s`,
`api.list_50k.s` and `.rss_mib`, `api.watch_fanout.events_per_s` and `.p99_ms` (1,000 watchers of one kind).
`cpu_us` in the parameters is the CPU time of the process for each.
"""

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from control_plane.api.messages import metadata
from control_plane.objects.interface import Binding
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.bench import Report

CLIENTS = 32
BATCH = 100
CREATED = 6_400
READ = 20_000
LISTED = 50_000
WATCHERS = 1_000
WATCHED = 200
REFERENCE = wire.Reference(api_version="v1", kind="Pod", namespace="default")
DOCUMENT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"labels": {"app": "web", "tier": "front"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.25",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "MODE", "value": "fast"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                },
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
            }
        ]
    },
}


@dataclass(slots=True)
class Spent:
    """What something took."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@asynccontextmanager
async def spent() -> AsyncIterator[Spent]:
    """Measures what happens within."""
    result = Spent()
    wall, cpu = time.perf_counter(), time.process_time()
    yield result
    result.wall_s, result.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def pod(name: str) -> core.Pod:
    """A pod as a client has it."""
    made = core.Pod()
    made.metadata.name, made.metadata.namespace = name, "default"
    made.metadata.labels.update({"app": "web", "tier": "front"})
    container = made.spec.containers.add(name="web", image="nginx:1.25")
    container.ports.add(containerPort=80)
    container.resources.requests["cpu"].string = "100m"
    container.resources.requests["memory"].string = "64Mi"
    return made


async def shared(work: Sequence[Callable[[], Awaitable[object]]], clients: int = CLIENTS) -> Spent:
    """Do all of the work, each of `clients` one thing after another."""
    waiting = iter(work)

    async def client() -> None:
        for each in waiting:
            await each()

    async with spent() as result:
        await asyncio.gather(*(client() for _ in range(clients)))
    return result


async def run(report: Report) -> None:
    await _creates(report)
    await _agents(report)
    await _reads(report)
    await _fanout(report)


def _per_s(report: Report, name: str, count: int, took: Spent, **params: object) -> None:
    cpu_us = round(took.cpu_s / count * 1e6, 1)
    report(name, count / took.wall_s, "per s", cpu_us=cpu_us, **params)


async def _creates(report: Report) -> None:
    def request(number: int) -> wire.CreateRequest:
        document = {**DOCUMENT, "metadata": {"name": f"pod-{number}", "labels": {"app": "web"}}}
        body = wire.Body(json=json.dumps(document).encode())
        return wire.CreateRequest(
            reference=REFERENCE, body=body, options=wire.WriteOptions(field_manager="bench")
        )

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
        bindings = [Binding("default", each.metadata.name, each.metadata.uid, "node-1") for each in pods]
        async with spent() as took:
            for start in range(0, len(bindings), 500):
                refused = [each for each in await world.writer.bind(bindings[start : start + 500]) if each]
                assert not refused, refused[0]
        _per_s(report, "api.bind.per_s", len(bindings), took, batch=500)
        bound = [world.objects.get(core.Pod, "default", each.metadata.name) for each in pods]
        running = []
        for each in bound:
            assert each is not None
            each.status.phase = "Running"
            running.append(each)
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
        gets = [
            wire.GetRequest(
                reference=wire.Reference(
                    api_version="v1", kind="Pod", namespace="default", name=f"pod-{number % LISTED:05}"
                )
            )
            for number in range(READ)
        ]
        work = [partial(world.reads.get, request) for request in gets]
        _per_s(report, "api.get.per_s", READ, await shared(work), clients=CLIENTS)
        requests = {
            "plain": wire.ListRequest(reference=REFERENCE),
            "labels": wire.ListRequest(reference=REFERENCE, label_selector="app=web,tier in (front)"),
            "cached": wire.ListRequest(reference=REFERENCE, resource_version="0"),
        }
        for how, request in requests.items():
            before, most, count = _rss_mib(), 0.0, 0
            async with spent() as took:
                async for chunk in world.reads.list(request):
                    count += len(chunk.objects)
                    most = max(most, _rss_mib())
            assert count == LISTED
            report("api.list_50k.s", took.wall_s, "s", how=how)
            report("api.list_50k.rss_mib", most - before, "MiB", how=how)


async def _fanout(report: Report) -> None:
    async with api_world() as world:
        started = asyncio.Semaphore(0)
        delays: list[float] = []
        sent: dict[str, float] = {}
        request = wire.WatchRequest(
            reference=REFERENCE, resource_version=str(max(1, world.objects.version(POD)))
        )

        async def watcher() -> None:
            left = WATCHED
            started.release()
            async for batch in world.reads.watch(request):
                now = time.perf_counter()
                for event in batch.events:
                    if left % 50 == 0:
                        name = metadata(core.Pod.FromString(event.object)).name
                        delays.append(now - sent[name])
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
            await world.api.create(POD, "default", pod(name), OPTIONS)

        async with spent() as took:
            await shared([partial(create, number) for number in range(WATCHED)])
            await asyncio.gather(*watchers)
        events = WATCHED * WATCHERS
        _per_s(report, "api.watch_fanout.events_per_s", events, took, watchers=WATCHERS)
        delays.sort()
        report("api.watch_fanout.p99_ms", delays[len(delays) * 99 // 100] * 1e3, "ms", watchers=WATCHERS)


def _rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

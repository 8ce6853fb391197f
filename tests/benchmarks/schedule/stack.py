"""Store, cache, API and scheduler in one process, with simulated nodes; when pods were created and bound."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from control_plane.api.api import Api
from control_plane.api.writer import ApiWriter
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import DeleteOptions, ObjectKey
from control_plane.objects.recorder import EventRecorder
from control_plane.objects.records import RecordChange
from control_plane.scheduler.scheduler import Scheduler
from knarr.api.kinds import KINDS, POD
from knarr.clock import RandomIds, SystemClock
from knarr.errors import ApiError, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from tests.benchmarks.schedule.objects import NAMESPACE, Make, class_of, make_node
from tests.support.etcd import real_etcd

_AT_ONCE = 200
_BATCH, _CALLERS = 256, 2  # pods of a call, and calls: two workloads that grow at the same time
_AGENTS = 32


class Stack:
    """See the module's docstring."""

    def __init__(self, store: Any) -> None:
        clock, rng = SystemClock(), random.Random(1)
        self.objects = CachedObjects(store, KINDS, rng)
        self.api = Api(store, self.objects, clock, RandomIds(), rng)
        self.writer = ApiWriter(self.api, clock)
        self.recorder = EventRecorder(self.writer, clock, rng)
        self.scheduler = Scheduler(
            self.objects, self.writer, self.recorder, clock, rng, registry=CollectorRegistry()
        )
        self.created: dict[str, float] = {}
        self.bound: dict[str, float] = {}
        self.began = 0.0  # the first call of create_all
        self._all = asyncio.Event()
        self._expected = 0
        self._stopping: asyncio.Queue[ObjectKey] = asyncio.Queue()

    def watch(self) -> Callable[[], None]:
        """Note when each pod is seen bound, and which are to be stopped by their node."""
        return self.objects.subscribe_records(POD, self._seen)

    def _seen(self, changes: Sequence[RecordChange]) -> None:
        now = time.perf_counter()
        for change in changes:
            pod = change.current
            if pod is None or not pod.node_name:
                continue
            if pod.name in self.created and pod.name not in self.bound:
                self.bound[pod.name] = now
            elif _is_stopping(change.new):
                self._stopping.put_nowait(change.key)
        if len(self.bound) >= self._expected:
            self._all.set()

    async def stop_pods(self) -> None:
        """What the agents do with pods that are told to stop."""
        while True:
            key = await self._stopping.get()
            try:
                await self.writer.delete(POD, key.namespace, key.name, DeleteOptions(grace_period_s=0))
            except NotFound:
                continue

    def expect(self, pods: int) -> None:
        """Start anew, for this many pods."""
        self.created, self.bound, self._expected = {}, {}, pods
        self._all.clear()

    async def all_bound(self, deadline_s: float) -> None:
        """Return once all expected pods are bound."""
        async with asyncio.timeout(deadline_s):
            await self._all.wait()

    async def create(self, pod: core.Pod) -> None:
        """Create a pod and note when."""
        self.created[pod.metadata.name] = time.perf_counter()
        await self.writer.create(pod)

    async def create_all(self, make: Make, numbers: range) -> None:
        """Create pods as the controllers do: many in a call, several calls at once. They are made before the
        first call, and kept as bytes: neither time nor memory is the server's."""
        pods = [make(number).SerializeToString() for number in numbers]
        batches = [pods[start : start + _BATCH] for start in range(0, len(pods), _BATCH)]
        self.began = time.perf_counter()

        async def create(number: int) -> None:
            wanted = [core.Pod.FromString(pod) for pod in batches[number]]
            now = time.perf_counter()
            self.created.update((pod.metadata.name, now) for pod in wanted)
            for outcome in await self.writer.create_all(wanted):
                if isinstance(outcome, ApiError):
                    raise outcome

        await each(range(len(batches)), create, _CALLERS)

    async def fill(self, nodes: int, priorities: Iterable[int] = ()) -> None:
        """Create the namespace, priority classes and nodes."""
        namespace = core.Namespace()
        namespace.metadata.name = NAMESPACE
        await self.writer.create(namespace)
        for priority in priorities:
            made = scheduling.PriorityClass(value=priority)
            made.metadata.name = class_of(priority)
            await self.writer.create(made)
        await each(range(nodes), self._add_node)

    async def _add_node(self, number: int) -> None:
        node = make_node(number)
        stored = await self.writer.create(node)
        stored.status.CopyFrom(node.status)
        await self.writer.update_status(stored)

    def latencies_ms(self) -> list[float]:
        """From created to bound, sorted."""
        return sorted(1_000 * (self.bound[name] - began) for name, began in self.created.items())


def _is_stopping(pod: Message | None) -> bool:
    return isinstance(pod, core.Pod) and pod.metadata.HasField("deletionTimestamp")


@asynccontextmanager
async def serving(stack: Stack, *more: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Cache, event writer and whatever else is given run."""
    tasks = [
        asyncio.create_task(work, name="bench-part")
        for work in (stack.objects.run(), stack.recorder.run(), *more)
    ]
    try:
        await stack.objects.synced()
        yield
    finally:
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def at_work(stack: Stack) -> AsyncIterator[None]:
    """Everything runs: the scheduler, and what the agents do."""
    ends = stack.watch()
    async with serving(stack, stack.scheduler.run(), *(stack.stop_pods() for _ in range(_AGENTS))):
        yield
    ends()


@asynccontextmanager
async def running_stack(nodes: int, priorities: Iterable[int] = ()) -> AsyncIterator[Stack]:
    """A stack with so many nodes on an etcd of its own, scheduling."""
    async with real_etcd() as etcd:
        stack = Stack(etcd.store())
        async with serving(stack):
            await stack.fill(nodes, priorities)
        stack = Stack(etcd.store())
        async with at_work(stack):
            yield stack


async def each(numbers: Sequence[int] | range, do: Callable[[int], Any], at_once: int = _AT_ONCE) -> None:
    """Do something for each number, so many at a time."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            await do(number)

    async with asyncio.TaskGroup() as group:
        for index in range(at_once):
            group.create_task(worker(), name=f"bench-{index}")

"""Clients that keep a copy of what is stored, in the ways that clients have, and writers that disturb it."""

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from control_plane.api.watching.events import INITIAL_EVENTS_END
from control_plane.objects.interface import DeleteOptions
from knarr.api.kinds import CONFIG_MAP
from knarr.errors import AlreadyExists, Expired, NotFound, Timeout, Unavailable, from_status
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld
from tests.support.waiting import until

Copy = dict[str, str]  # resourceVersion by name
RETRY_S = 0.02
PAGE = 2


class Start(enum.Enum):
    """How a follower learns what there is."""

    LIST = "list"
    PAGES = "pages"
    CACHED = "cached"  # a list that may be any not older than what it has seen
    INITIAL_EVENTS = "initial events"


@dataclass(slots=True)
class Follower:
    """Lists and watches; watches on when the watch has ended, and begins again when it has expired."""

    world: ApiWorld
    namespace: str = "default"
    labels: str = ""
    start: Start = Start.LIST
    copy: Copy = field(default_factory=dict)
    reached: int = 0
    _begun: bool = False
    _watching: asyncio.Task[None] | None = None

    @property
    def _reference(self) -> wire.Reference:
        return wire.Reference(api_version="v1", kind="ConfigMap", namespace=self.namespace)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._begun and self.start is not Start.INITIAL_EVENTS:
                    await self.list()
                    self._begun = True
                await self._watch_until_it_ends()
            except Expired:
                self._begun = False
            except (Unavailable, Timeout):
                await asyncio.sleep(RETRY_S)

    def hang_up(self) -> None:
        """End the watch that there is, as a broken connection does."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch_until_it_ends(self) -> None:
        self._watching = asyncio.create_task(self._watch(initial=not self._begun), name="follower-watch")
        try:
            await asyncio.wait([self._watching])
        finally:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if not self._watching.cancelled():
            self._watching.result()

    async def list(self) -> None:
        """Make the copy anew."""
        request = wire.ListRequest(reference=self._reference, label_selector=self.labels)
        if self.start is Start.PAGES:
            request.limit = PAGE
        if self.start is Start.CACHED:
            request.resource_version = str(self.reached)
            request.version_match = wire.NOT_OLDER_THAN
        copy: Copy = {}
        while True:
            chunks = [chunk async for chunk in self.world.reads.list(request)]
            _add(copy, [value for chunk in chunks for value in chunk.objects])
            version = int(chunks[-1].resource_version)
            assert version >= self.reached, "a list of the past"
            if not chunks[-1].continue_token:
                break
            request.continue_token = chunks[-1].continue_token
        self.copy, self.reached = copy, version

    async def _watch(self, initial: bool) -> None:
        request = wire.WatchRequest(reference=self._reference, label_selector=self.labels, bookmarks=True)
        request.send_initial_events = initial
        request.resource_version = str(self.reached) if self.reached else ""
        there: Copy | None = {} if initial else None
        async for batch in self.world.reads.watch(request):
            for event in batch.events:
                if event.type == wire.WatchEvent.ERROR:
                    raise from_status(event.status)
                if there is None:
                    self._take(event)
                elif self._ends_initial(event, there):
                    there = None

    def _ends_initial(self, event: wire.WatchEvent, there: Copy) -> bool:
        """Take one of the events that tell what there is; whether it is the last one."""
        if event.type == wire.WatchEvent.ADDED:
            _add(there, [event.object])
            return False
        assert event.type == wire.WatchEvent.BOOKMARK
        ended = core.ConfigMap.FromString(event.object).metadata.annotations
        assert ended[INITIAL_EVENTS_END] == "true"
        assert int(event.resource_version) >= self.reached, "initial events of the past"
        self.copy, self.reached, self._begun = there, int(event.resource_version), True
        return True

    def _take(self, event: wire.WatchEvent) -> None:
        name = core.ConfigMap.FromString(event.object).metadata.name
        version = int(event.resource_version)
        if event.type == wire.WatchEvent.BOOKMARK:
            assert version >= self.reached
        else:
            assert version > self.reached, "told again, or out of order"
            assert (name in self.copy) == (event.type != wire.WatchEvent.ADDED)
        if event.type == wire.WatchEvent.DELETED:
            del self.copy[name]
        elif event.type != wire.WatchEvent.BOOKMARK:
            self.copy[name] = event.resource_version
        self.reached = version


def _add(copy: Copy, values: Sequence[bytes]) -> None:
    for value in values:
        own = core.ConfigMap.FromString(value).metadata
        assert own.name not in copy, "twice in one list"
        copy[own.name] = own.resourceVersion


@contextlib.asynccontextmanager
async def following(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """The followers at work; at the end each must come to have what a list has then."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run(), name="follower") for each in followers]
        yield
        for follower in followers:
            final = Follower(follower.world, follower.namespace, follower.labels)
            await final.list()
            await until(
                lambda follower=follower, final=final: follower.copy == final.copy,  # type: ignore[misc]
                f"a follower by {follower.start.value} has what is stored",
            )
        for task in tasks:
            task.cancel()


async def put(world: ApiWorld, namespace: str, name: str, app: str) -> None:
    """Create or change one object."""
    obj = core.ConfigMap()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.labels["app"] = name, namespace, app
    obj.data["after"] = str(world.objects.version(CONFIG_MAP))
    try:
        await world.api.create(CONFIG_MAP, namespace, obj, OPTIONS)
    except AlreadyExists:
        with contextlib.suppress(NotFound):
            await world.api.update(CONFIG_MAP, namespace, obj, OPTIONS)


async def delete(world: ApiWorld, namespace: str, name: str) -> None:
    with contextlib.suppress(NotFound):
        await world.api.delete(CONFIG_MAP, namespace, name, DeleteOptions())


async def compact(world: ApiWorld) -> None:
    """Forget all that was before now."""
    page = await world.store.list(CONFIG_MAP.prefix)
    await world.store.compact(page.version)

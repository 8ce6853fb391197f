"""The server that the recordings are played against, with what was there before each of them.

Set as Kubernetes is: pods stay 300 s on a node that is lost, and fields that Knarr does not honour are stored
with a warning instead of being refused, so that what else is said of such an object can be compared.
"""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.message import Message

from control_plane.api.messages import encode, metadata
from control_plane.api.settings import ApiSettings
from control_plane.cluster import make_first_objects
from control_plane.store.interface import ABSENT, Record, Store, Write, Written
from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.errors import AlreadyExists
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from tests.conformance.rest import Answer, Call, Rest
from tests.support.api import OPTIONS, ApiWorld, ManualClock, add_namespace, api_world

ROOT: Final = "/knarr/"
ACCOUNTS: Final = ("default", "runner")
PRIORITY_CLASS: Final = ("holdout-high", 1000)
# As the recorded server was set.
SETTINGS: Final = ApiSettings(
    toleration_s=300,
    service_addresses="10.96.0.0/16",
    node_ports=(30_000, 32_767),
    refuse_unsupported=False,
)


class Server:
    """An api server without a transport, on a clock of ours."""

    def __init__(self, world: ApiWorld, clock: ManualClock) -> None:
        self.world = world
        self.clock = clock
        self._rest = Rest(world)
        self._namespaces: set[str] = set()
        self._kept: dict[str, bytes] = {}  # what is there before each case, by key

    async def call(self, call: Call) -> Answer:
        """Carry out one request."""
        return await self._rest.call(call)

    async def begin(self) -> None:
        """What was in the recorded cluster at the start, and what Knarr makes in each."""
        await make_first_objects(self.world.api, random.Random(0))
        found = scheduling.PriorityClass(value=PRIORITY_CLASS[1])
        found.metadata.name = PRIORITY_CLASS[0]
        await self.world.api.create(kinds.PRIORITY_CLASS, "", found, OPTIONS)
        await self._keep()

    async def add_namespace(self, name: str, *, keep: bool = True) -> None:
        """A namespace with the two service accounts that were in each, to `keep` from case to case, and then
        to be added before a case only."""
        if name in self._namespaces:
            return
        await add_namespace(self.world, name)
        for account in ACCOUNTS:
            await self._add_account(name, account)
        if keep:
            self._namespaces.add(name)
            await self._keep()

    async def _add_account(self, namespace: str, name: str) -> None:
        """An account whose pods get no token, whether the server has made it already or not."""
        found = core.ServiceAccount(automountServiceAccountToken=False)
        found.metadata.name, found.metadata.namespace = name, namespace
        try:
            await self.world.api.create(kinds.SERVICE_ACCOUNT, namespace, found, OPTIONS)
        except AlreadyExists:
            await self.world.api.update(kinds.SERVICE_ACCOUNT, namespace, found, OPTIONS)

    async def put(self, kind: Kind, obj: Message, instead_of: Message | None = None) -> Message:
        """Store an object just as it is, without asking the API, and return it with its version."""
        own = metadata(obj)
        expected = ABSENT if instead_of is None else int(metadata(instead_of).resourceVersion)
        (version,) = await self._write([Write(kind.key(own.namespace, own.name), encode(obj), expected)])
        own.resourceVersion = str(version)
        return obj

    async def remove(self, kind: Kind, obj: Message) -> None:
        """Take an object out of the store, whatever holds it."""
        own = metadata(obj)
        key = kind.key(own.namespace, own.name)
        await self._write([Write(key, None, int(own.resourceVersion))])

    async def clear(self) -> None:
        """Bring the store back to what it was before the case."""
        found = await self._stored()
        changed = [
            Write(record.key, self._kept.get(record.key), record.version)
            for record in found.values()
            if record.value != self._kept.get(record.key)
        ]
        lost = [Write(key, value, ABSENT) for key, value in self._kept.items() if key not in found]
        await self._write([*changed, *lost])

    async def _keep(self) -> None:
        self._kept = {key: record.value for key, record in (await self._stored()).items()}

    async def _stored(self) -> dict[str, Record]:
        page = await self.world.store.list(ROOT)
        return {record.key: record for record in page.records}

    async def _write(self, writes: Sequence[Write]) -> list[int]:
        """The versions of the writes; returns once the server has seen them."""
        if not writes:
            return []
        versions = []
        for write, outcome in zip(writes, await self.world.store.write(writes), strict=True):
            assert isinstance(outcome, Written), "nobody else writes"
            versions.append(outcome.version)
            kind = next((kind for kind in kinds.KINDS if write.key.startswith(kind.prefix)), None)
            if kind is not None:
                await self.world.api.storage.wait_seen(kind, outcome.version)
        return versions


@asynccontextmanager
async def server(store: Store | None = None) -> AsyncIterator[Server]:
    """A running server on a store, in memory unless one is given."""
    clock = ManualClock()
    async with api_world(store, settings=SETTINGS, clock=clock) as world:
        result = Server(world, clock)
        await result.begin()
        yield result

"""The server that the recordings are played against, with what was there before each of them.

Set as Kubernetes is: pods stay 300 s on a node that is lost, and fields that Knarr does not honour are stored
with a warning instead of being refused, so that what else is said of such an object can be compared.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.message import Message

from control_plane.api.messages import decode, encode, metadata
from control_plane.api.settings import ApiSettings
from control_plane.cluster import make_first_objects
from control_plane.store.interface import ABSENT, Store, Write, Written
from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.errors import AlreadyExists
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from tests.conformance.rest import Answer, Call, Rest, target_of
from tests.support.api import OPTIONS, ApiWorld, ManualClock, add_namespace, api_world

ACCOUNTS: Final = ("default", "runner")
PRIORITY_CLASS: Final = ("holdout-high", 1000)
TOLERATION_S: Final = 300  # Kubernetes' own; Knarr's default is shorter


class Server:
    """An api server without a transport, on a clock of ours."""

    def __init__(self, world: ApiWorld, clock: ManualClock) -> None:
        self.world = world
        self.clock = clock
        self._rest = Rest(world)
        self._written: set[Kind] = set()
        self._kept: set[tuple[Kind, str, str]] = set()

    async def call(self, call: Call) -> Answer:
        """Carry out one request."""
        kind = target_of(call.path).kind
        if kind is not None and call.method != "GET":
            self._written.add(kind)
        return await self._rest.call(call)

    async def begin(self) -> None:
        """What was in the recorded cluster at the start, and what Knarr makes in each."""
        await make_first_objects(self.world.api, random.Random(0))
        found = scheduling.PriorityClass(value=PRIORITY_CLASS[1])
        found.metadata.name = PRIORITY_CLASS[0]
        await self.world.api.create(kinds.PRIORITY_CLASS, "", found, OPTIONS)
        for kind in (kinds.NAMESPACE, kinds.PRIORITY_CLASS):
            self._kept |= {_key(kind, obj) for obj in await self._all(kind)}

    async def add_namespace(self, name: str) -> None:
        """A namespace that stays, with the two service accounts that were in each."""
        await add_namespace(self.world, name)
        self._kept.add((kinds.NAMESPACE, "", name))
        for account in ACCOUNTS:
            if (kinds.SERVICE_ACCOUNT, name, account) not in self._kept:
                await self._add_account(name, account)

    async def _add_account(self, namespace: str, name: str) -> None:
        """An account whose pods get no token, whether the server has made it already or not."""
        found = core.ServiceAccount(automountServiceAccountToken=False)
        found.metadata.name, found.metadata.namespace = name, namespace
        try:
            await self.world.api.create(kinds.SERVICE_ACCOUNT, namespace, found, OPTIONS)
        except AlreadyExists:
            await self.world.api.update(kinds.SERVICE_ACCOUNT, namespace, found, OPTIONS)
        self._kept.add((kinds.SERVICE_ACCOUNT, namespace, name))

    async def put(self, kind: Kind, obj: Message, instead_of: Message | None = None) -> Message:
        """Store an object just as it is, without asking the API, and return it with its version."""
        self._written.add(kind)
        expected = ABSENT if instead_of is None else int(metadata(instead_of).resourceVersion)
        metadata(obj).resourceVersion = await self._write(kind, obj, encode(obj), expected)
        return obj

    async def remove(self, kind: Kind, obj: Message) -> None:
        """Take an object out of the store, whatever holds it."""
        await self._write(kind, obj, None, int(metadata(obj).resourceVersion))

    async def _write(self, kind: Kind, obj: Message, value: bytes | None, expected: int) -> str:
        """The version of the write; returns once the server has seen it."""
        own = metadata(obj)
        (outcome,) = await self.world.store.write([Write(kind.key(own.namespace, own.name), value, expected)])
        assert isinstance(outcome, Written), "nobody else writes"
        await self.world.api.storage.wait_seen(kind, outcome.version)
        return str(outcome.version)

    async def clear(self) -> None:
        """Remove all that was written since the last time, but what was there at the start."""
        if kinds.NAMESPACE in self._written:
            self._written.add(kinds.SERVICE_ACCOUNT)  # which come with them
        for kind in self._written:
            for obj in await self._all(kind):
                if _key(kind, obj) not in self._kept:
                    await self.remove(kind, obj)
        self._written.clear()

    async def _all(self, kind: Kind) -> list[Message]:
        page = await self.world.store.list(kind.prefix)
        return [decode(kind, record.value, record.version) for record in page.records]


def _key(kind: Kind, obj: Message) -> tuple[Kind, str, str]:
    own = metadata(obj)
    return kind, own.namespace, own.name


@asynccontextmanager
async def server(store: Store | None = None) -> AsyncIterator[Server]:
    """A running server on a store, in memory unless one is given."""
    clock = ManualClock()
    settings = ApiSettings(toleration_s=TOLERATION_S, refuse_unsupported=False)
    async with api_world(store, settings=settings, clock=clock) as world:
        result = Server(world, clock)
        await result.begin()
        yield result

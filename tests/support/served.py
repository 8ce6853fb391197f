"""An api server on a port of loopback that can be stopped and started again, for tests of clients."""

import contextlib
from collections.abc import AsyncIterator

import grpc.aio

from control_plane.api.settings import ApiSettings
from control_plane.server.objects import Identity, ObjectServicer
from control_plane.store.interface import Store
from knarr import transport
from knarr.proto.services.object_service_pb2_grpc import add_ObjectServiceServicer_to_server
from tests.support.api import ApiWorld, api_world

IDENTITY = Identity("0.1", "cluster", "replica", ("api",))
GRACE_S = 0.1


class ServedApi:
    """The API of a world over gRPC. Its port stays the same when it is started again."""

    def __init__(self, world: ApiWorld) -> None:
        self.world = world
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        server, self._port = transport.server(f"127.0.0.1:{self._port}")
        world = self.world
        servicer = ObjectServicer(world.api, world.lister, world.watches, world.writer, IDENTITY)
        add_ObjectServiceServicer_to_server(servicer, server)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """End all calls after a short grace, as a process does that is told to stop."""
        if self._server is not None:
            await self._server.stop(GRACE_S)
            self._server = None


@contextlib.asynccontextmanager
async def served_api(
    store: Store | None = None, settings: ApiSettings | None = None, *, seed: int = 1
) -> AsyncIterator[ServedApi]:
    """A running api server; it has ended when the context does."""
    async with api_world(store, settings=settings, seed=seed) as world:
        api = ServedApi(world)
        await api.start()
        try:
            yield api
        finally:
            await api.stop()

"""The connections to the api servers, which are all equal: one is used until it fails, then the next.

Only a connection that stands is handed out. So when no connection can be had, it is certain that nothing was
sent: that is what makes it safe to try a write again. This module knows nothing of requests.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from knarr import transport
from knarr.client.errors import Unreachable
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from knarr.proto.services.pod_service_pb2_grpc import PodServiceStub

if TYPE_CHECKING:
    from knarr.proto.services.object_service_pb2_grpc import ObjectServiceAsyncStub
    from knarr.proto.services.pod_service_pb2_grpc import PodServiceAsyncStub

CLOSED = "the client is closed"
CONNECT_TIMEOUT_S = 5.0  # of one server, before the next is tried

_READY = grpc.ChannelConnectivity.READY
_GONE = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)


class Link:
    """A channel to one server and its stubs."""

    __slots__ = ("address", "channel", "objects", "pods")

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self.channel = channel
        self.address = address
        self.objects: ObjectServiceAsyncStub = ObjectServiceStub(channel)
        self.pods: PodServiceAsyncStub = PodServiceStub(channel)

    @property
    def ready(self) -> bool:
        """Whether the connection stands, as far as this side knows."""
        return self.channel.get_state() == _READY

    async def connect(self) -> bool:
        """Wait until the connection stands; False when the server refuses or takes too long. After a refusal
        the channel tries again by itself, with a back-off of its own."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while (state := self.channel.get_state(try_to_connect=True)) != _READY:
                    if state in _GONE:
                        return False
                    await self.channel.wait_for_state_change(state)
        except TimeoutError:
            return False
        return True


class Servers:
    """The links to several servers; calls go to one of them at a time."""

    def __init__(self, links: Sequence[Link]) -> None:
        if not links:
            raise ValueError("a client needs the address of at least one server")
        self._links = tuple(links)
        self._index = 0
        self._connecting: asyncio.Task[Link | None] | None = None
        self._closed = False

    @classmethod
    def at(cls, addresses: Sequence[str], credentials: grpc.ChannelCredentials | None = None) -> "Servers":
        """Servers at "host:port"; nothing is dialled yet. Raises transport.InsecureAddress."""
        return cls([Link(transport.channel(address, credentials), address) for address in addresses])

    def __str__(self) -> str:
        return ", ".join(link.address for link in self._links)

    async def link(self) -> Link:
        """A connection that stands. Raises Unreachable when each server was tried once, in vain, and
        RuntimeError after `close`: that is a mistake of the caller, which no other try mends."""
        if self._closed:
            raise RuntimeError(CLOSED)
        link = self._links[self._index]
        if link.ready:
            return link
        if self._connecting is None:
            # One attempt for all who wait; it goes on when one of them is cancelled.
            self._connecting = asyncio.create_task(self._connect(), name="connect")
            self._connecting.add_done_callback(self._connected)
        # Waited for and not awaited: when it is cancelled by `close`, those who wait are not.
        await asyncio.wait({connecting := self._connecting})
        if connecting.cancelled():
            raise RuntimeError(CLOSED)
        found = connecting.result()
        if found is None:
            raise Unreachable(f"no control plane answers at {self}")
        return found

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Around a call: gRPC cancels calls when their channel is closed, and whoever made one must not take
        that for a cancellation of its own."""
        try:
            yield
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise RuntimeError(CLOSED) from error
            raise

    def failed(self, link: Link) -> None:
        """A call through this link was not answered as it should: go on with the next server."""
        if self._links[self._index] is link:
            self._index = (self._index + 1) % len(self._links)

    async def close(self) -> None:
        """End all connections and the calls on them."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        for link in self._links:
            await link.channel.close()

    async def _connect(self) -> Link | None:
        for _ in self._links:
            link = self._links[self._index]
            if await link.connect():
                return link
            self.failed(link)
        return None

    def _connected(self, task: "asyncio.Task[Link | None]") -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits for it any more

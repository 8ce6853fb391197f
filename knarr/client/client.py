"""The client: one connection to the control plane and everything that can be asked of it.

What it can do stands in its bases, each in a module of its own: Reads, Writes, Changes, Watching, Events,
Manifests, Pods, InsightCalls.
"""

import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from knarr.client import contexts
from knarr.client.caller import WarningHandler
from knarr.client.events import Events
from knarr.client.informers import Informers
from knarr.client.insight import InsightCalls
from knarr.client.manifests import Manifests
from knarr.client.pods import Pods
from knarr.client.servers import Link, Servers
from knarr.clock import Clock, SystemClock

DEFAULT_TIMEOUT_S = 30.0


class Client(Events, Manifests, Pods, InsightCalls):
    """Access to a control plane through any of its equal api servers."""

    def __init__(
        self,
        channel: grpc.aio.Channel | Servers,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        field_manager: str = "knarr",
        rng: random.Random | None = None,
        clock: Clock | None = None,
        on_warning: WarningHandler | None = None,
    ) -> None:
        """A client over a channel, which it closes in the end; usually one is made by `connect`.

        `timeout_s` bounds each call with all its tries; `field_manager` says who writes; `rng` is the source
        of jitter, `clock` of the times that it writes; `on_warning` is given what servers warn of in answers
        to writes."""
        servers = channel if isinstance(channel, Servers) else Servers([Link(channel, "the channel given")])
        super().__init__(
            servers,
            timeout_s=timeout_s,
            field_manager=field_manager,
            rng=rng or random.Random(),
            clock=clock or SystemClock(),
            on_warning=on_warning,
        )

    @classmethod
    def connect(
        cls,
        servers: Sequence[str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        *,
        context: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        field_manager: str = "knarr",
        on_warning: WarningHandler | None = None,
    ) -> Self:
        """A client of the control plane at `servers` ("host:port"), of which one is used at a time; without
        them, of the context of that name, or the current one, in the config file that the command line uses
        too.

        `async with Client.connect(…) as client` connects, and raises Unreachable when none of them answers;
        without the `async with`, the first call connects. Raises transport.InsecureAddress for an address of
        another machine without credentials, and contexts.ContextError.
        """
        if servers is None:
            servers = contexts.choose(contexts.load(contexts.config_path()), context).servers
        return cls(
            Servers.at(servers, credentials),
            timeout_s=timeout_s,
            field_manager=field_manager,
            on_warning=on_warning,
        )

    @classmethod
    async def dial(
        cls,
        servers: Sequence[str],
        credentials: grpc.ChannelCredentials | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        field_manager: str = "knarr",
    ) -> Self:
        """As connect, connected already; raises Unreachable."""
        client = cls.connect(servers, credentials, timeout_s=timeout_s, field_manager=field_manager)
        try:
            await client._servers.link()
        except BaseException:
            await client.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        try:
            await self._servers.link()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def address(self) -> str:
        """The servers, for people to read."""
        return str(self._servers)

    def informers(self) -> Informers:
        """Caches of objects, each kept up to date by a watch: `async with client.informers() as
        informers`."""
        return Informers(self)

    async def close(self) -> None:
        """End all calls and the connection."""
        await self._servers.close()

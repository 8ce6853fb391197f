"""A thin asyncio client of etcd v3: endpoints, deadlines, and errors that say what is known about a request.

It knows etcd's RPCs and nothing of keys, versions or objects. A request is either tried once (`attempt`: the
caller learns whether it may have been carried out) or, when repeating it does no harm, repeated with backoff
on one endpoint after another until its deadline (`repeat`). See docs/adr/0001-own-etcd-client.md.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import grpc
import grpc.aio

from control_plane.store.interface import (
    AmbiguousError,
    CompactedError,
    FutureVersionError,
    StoreError,
    UnavailableError,
)
from control_plane.store.lease import LeaseEndedError
from knarr import transport
from knarr.backoff import Backoff
from knarr.proto.etcd import rpc_pb2_grpc as rpc

Q = TypeVar("Q")
R = TypeVar("R")
Dial = Callable[[str, grpc.ChannelCredentials | None], grpc.aio.Channel]

CONNECT_TIMEOUT_S = 2.0  # for one endpoint, before the next is tried
LEADER_REQUIRED = (("hasleader", "true"),)  # a member cut off from its leader ends the stream instead


class LargeAnswerError(StoreError):
    """The answer has more bytes than are taken: ask for less."""


class Endpoint:
    """One member's address, its channel and stubs."""

    def __init__(self, target: str, channel: grpc.aio.Channel) -> None:
        self.target = target
        self.channel = channel
        self.kv = rpc.KVStub(channel)
        self.watch = rpc.WatchStub(channel)
        self.lease = rpc.LeaseStub(channel)
        self.cluster = rpc.ClusterStub(channel)
        self.maintenance = rpc.MaintenanceStub(channel)


Method = Callable[[Endpoint], grpc.aio.UnaryUnaryMultiCallable[Q, R]]


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """How to reach etcd."""

    endpoints: tuple[str, ...]  # "host:port" or "http[s]://host:port"
    request_timeout_s: float = 5.0  # outlasts an election; an API request has time left to say so
    credentials: grpc.ChannelCredentials | None = None


class EtcdClient:
    """Calls etcd on whichever of its endpoints answers."""

    def __init__(self, settings: EtcdSettings, rng: random.Random, dial: Dial = transport.channel) -> None:
        if not settings.endpoints:
            raise ValueError("etcd needs at least one endpoint")
        self.timeout_s = settings.request_timeout_s
        self.rng = rng
        self.endpoints: Sequence[Endpoint] = [
            Endpoint(target, dial(target, settings.credentials))
            for target in map(_target, settings.endpoints)
        ]
        self._current = 0
        self.closed = False

    async def attempt(self, method: Method[Q, R], request: Q, timeout_s: float | None = None) -> R:
        """One request, once.

        Raises UnavailableError (it was not sent), AmbiguousError (it was, and the answer is missing),
        CompactedError, FutureVersionError, LeaseEndedError, or StoreError (etcd refused it)."""
        timeout_s = timeout_s or self.timeout_s
        deadline = asyncio.get_running_loop().time() + timeout_s
        endpoint = await self.connected(timeout_s)
        left_s = max(0.0, deadline - asyncio.get_running_loop().time())
        try:
            return await method(endpoint)(request, timeout=left_s)
        except grpc.aio.AioRpcError as error:
            raise self.failure(endpoint, error) from error
        except asyncio.CancelledError as error:
            if self.cut_off():
                raise AmbiguousError("the connection to etcd was closed") from error
            raise

    def cut_off(self) -> bool:
        """Whether a CancelledError comes from `close`, which cancels calls, and not to the task."""
        task = asyncio.current_task()
        return self.closed and (task is None or not task.cancelling())

    async def repeat(self, method: Method[Q, R], request: Q, timeout_s: float | None = None) -> R:
        """One request that may be carried out twice, until it is answered. Raises UnavailableError when the
        deadline has passed, and the errors that repeating does not mend."""
        backoff = Backoff(self.rng, 0.02, 0.5)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout_s or self.timeout_s)
        while True:
            try:
                return await self.attempt(method, request, max(0.05, deadline - loop.time()))
            except (UnavailableError, AmbiguousError) as error:
                pause_s = backoff.next_s()
                if self.closed or loop.time() + pause_s >= deadline:
                    raise UnavailableError(str(error)) from error
            await asyncio.sleep(pause_s)

    async def connected(self, timeout_s: float = CONNECT_TIMEOUT_S) -> Endpoint:
        """The endpoint in use, with a working connection. Raises UnavailableError, after which another one is
        in use."""
        if self.closed:
            raise UnavailableError("the connection to etcd was closed")
        endpoint = self.endpoints[self._current]
        if endpoint.channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
            try:
                async with asyncio.timeout(min(timeout_s, CONNECT_TIMEOUT_S)):
                    await endpoint.channel.channel_ready()
            except (TimeoutError, grpc.aio.UsageError) as error:
                self.leave(endpoint)
                raise UnavailableError(f"etcd does not answer at {endpoint.target}") from error
        return endpoint

    def leave(self, endpoint: Endpoint) -> None:
        """Use another endpoint than this one, unless that has happened already."""
        if self.endpoints[self._current] is endpoint:
            self._current = (self._current + 1) % len(self.endpoints)

    def failure(self, endpoint: Endpoint, error: grpc.aio.AioRpcError) -> StoreError:
        """What a failed call means; an endpoint that did not answer is left."""
        meaning = translate(error)
        if isinstance(meaning, AmbiguousError):
            self.leave(endpoint)
        return meaning

    async def close(self) -> None:
        """End all calls."""
        self.closed = True
        for endpoint in self.endpoints:
            await endpoint.channel.close()


def translate(error: grpc.aio.AioRpcError) -> StoreError:
    """What a call's failure says about its request. gRPC's codes alone do not tell compacted from future."""
    text = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.OUT_OF_RANGE if "compacted" in text:
            return CompactedError(0, 0)
        case grpc.StatusCode.OUT_OF_RANGE:
            return FutureVersionError(f"etcd: {text}")
        case grpc.StatusCode.NOT_FOUND if "lease" in text:
            return LeaseEndedError(f"etcd: {text}")
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED | grpc.StatusCode.CANCELLED:
            return AmbiguousError(f"etcd: {text}")
        case grpc.StatusCode.UNKNOWN | grpc.StatusCode.INTERNAL:
            return AmbiguousError(f"etcd: {text}")
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "too many requests" in text:
            return UnavailableError(f"etcd: {text}")
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in text and "eceived" in text:
            return LargeAnswerError(f"etcd: {text}")
        case _:
            return StoreError(f"etcd: {text}")


def _target(endpoint: str) -> str:
    _, _, address = endpoint.rpartition("://")
    return address.rstrip("/")

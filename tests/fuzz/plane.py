"""Every service of a control plane without a transport: calls made as gRPC makes them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

from control_plane.server.insight import InsightServicer
from control_plane.server.nodes import NodeServicer
from control_plane.server.objects import Identity, ObjectServicer
from control_plane.server.pods import PodServicer
from control_plane.server.reads import ReadRequests
from control_plane.server.requests import WriteRequests
from control_plane.settings import ServerSettings
from control_plane.store.memory import MemoryStore
from control_plane.wiring import ControlPlane, Surroundings
from knarr import transport
from knarr.clock import SeededIds
from knarr.errors import ApiError, from_status
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import insight_service_pb2, node_service_pb2, object_service_pb2, pod_service_pb2
from tests.fuzz.target import Wrong
from tests.fuzz.world import World
from tests.support.api import ManualClock

REPLICA: Final = "127.0.0.1:1"
_FILES: Final = (object_service_pb2, node_service_pb2, pod_service_pb2, insight_service_pb2)
_MOST_MESSAGES: Final = 20  # taken of an answer's stream
_TURNS: Final = 200  # of the event loop that a call without an end of its own is given

_SERVICERS: Final = (ObjectServicer, NodeServicer, PodServicer, InsightServicer)
METHODS: Final[dict[str, MethodDescriptor]] = {
    method.name: method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if any(method.name in servicer.__dict__ for servicer in _SERVICERS)
}
# Calls that go on until the client has enough.
_ENDLESS: Final = ("Watch", "Session", "Stream", "Logs")


def request_class(method: MethodDescriptor) -> type[Message]:
    return GetMessageClass(method.input_type)


class Aborted(grpc.aio.AbortError):
    """The call was ended with an error."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Call:
    """The server's side of one call, as far as the handlers use it."""

    requests: list[Message]
    answers: list[Message] = field(default_factory=list)

    async def read(self) -> Any:
        return self.requests.pop(0) if self.requests else grpc.aio.EOF

    async def write(self, message: Message) -> None:
        message.SerializeToString()
        if len(self.answers) >= _MOST_MESSAGES:
            raise asyncio.CancelledError
        self.answers.append(message)

    async def abort(
        self, code: grpc.StatusCode, details: str, trailing: Sequence[tuple[str, bytes]]
    ) -> NoReturn:
        details.encode()
        if len(details.encode()) + sum(len(value) for _, value in trailing) > 12_000:
            raise Wrong(f"an error of {sum(len(value) for _, value in trailing)} bytes of metadata")
        raise Aborted(from_status(meta.Status.FromString(trailing[0][1])))

    def peer(self) -> str:
        return "ipv4:127.0.0.1:2"

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Handlers:
    """What carries requests out, apart from gRPC."""

    reads: ReadRequests
    writes: WriteRequests


@dataclass(slots=True)
class Plane:
    """A control plane that answers calls."""

    world: World
    servicers: tuple[Any, ...]

    async def call(self, method: str, requests: list[Message]) -> list[Message]:
        """The answers; raises Aborted, and what no handler may raise."""
        handler = next(getattr(each, method) for each in self.servicers if method in type(each).__dict__)
        call = Call(requests)
        if METHODS[method].client_streaming:
            work = _run(handler(None, call), call)
        else:
            work = _run(handler(requests.pop(0), call), call)
        task = asyncio.create_task(work, name=f"call of {method}")
        try:
            if method in _ENDLESS:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                    if task.done():
                        break
            else:
                await asyncio.wait([task])
        finally:
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        return call.answers


async def _run(work: Any, call: Call) -> None:
    """Calls of one answer are coroutines, those of a stream may be generators."""
    if hasattr(work, "__aiter__"):
        async for message in work:
            await call.write(message)
    elif (message := await work) is not None:
        await call.write(message)


@contextlib.asynccontextmanager
async def plane() -> AsyncIterator[Plane]:
    """An api server with everything, in this process, on a store in memory."""
    clock, rng = ManualClock(), random.Random(1)
    around = Surroundings(
        store=MemoryStore(),
        clock=clock,
        ids=SeededIds(1),
        rng=rng,
        registry=CollectorRegistry(),
        cluster_id="fuzzed",
        replica=REPLICA,
    )
    made = ControlPlane(around, ServerSettings(state_dir=Path("/nonexistent"), roles=("api",)))
    running = asyncio.create_task(made.run(), name="control plane")
    try:
        await made.synced()
        yield _served(made)
    finally:
        running.cancel()
        await asyncio.wait([running])


def _served(made: ControlPlane) -> Plane:
    identity = Identity("0", "fuzzed", REPLICA, ("api",))
    handlers = Handlers(
        ReadRequests(made.api, made.lister, made.watches), WriteRequests(made.api, made.lister, made.writer)
    )
    servicers = (
        ObjectServicer(made.api, made.lister, made.watches, made.writer, identity),
        NodeServicer(made.sessions),
        PodServicer(made.objects, made.sessions, made.directory, REPLICA, transport.channel),
        InsightServicer(made.insight),
    )
    return Plane(World(handlers), servicers)

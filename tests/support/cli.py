"""The command line against an api server in this process: the server's loop runs in a thread of its own, as
every command brings a loop along."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from click.testing import CliRunner
from google.protobuf.message import Message

from control_plane.insight.insight import Insight
from control_plane.scheduler.profiles import Profiles
from control_plane.server.insight import InsightServicer
from control_plane.server.objects import Identity, ObjectServicer
from knarr import transport
from knarr.api import kinds
from knarr.api.manifest import read_text
from knarr.cli.main import cli
from knarr.client import Client, metadata_of
from knarr.clock import SystemClock
from knarr.errors import AlreadyExists
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services.insight_service_pb2_grpc import add_InsightServiceServicer_to_server
from knarr.proto.services.object_service_pb2_grpc import add_ObjectServiceServicer_to_server
from tests.support.api import ApiWorld, api_world

T = TypeVar("T")
M = TypeVar("M", bound=Message)

IDENTITY = Identity("0.1", "cluster", "replica", ("api",))
START_S = 20.0
CALL_S = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class Server:
    """A running api server, and what tests do behind the back of the command line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, world: ApiWorld, port: int, client: Client) -> None:
        self.loop = loop
        self.world = world
        self.address = f"127.0.0.1:{port}"
        self.client = client

    def call(self, work: Awaitable[T]) -> T:
        """Await in the server's loop."""
        return self.start(work).result(CALL_S)

    def start(self, work: Awaitable[T]) -> "Future[T]":
        """Begin something in the server's loop that goes on while a command runs."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop)


class Cli:
    """Runs commands in a namespace, which it makes if there is none."""

    def __init__(self, server: Server, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        with contextlib.suppress(AlreadyExists):
            server.call(server.client.create(core.Namespace(metadata=meta.ObjectMeta(name=namespace))))

    def __call__(self, *arguments: str, given: str = "", env: dict[str, str] | None = None) -> Outcome:
        """Run `knarr ARGUMENTS` to its end; `given` is what stands on its standard input."""
        result = CliRunner().invoke(
            cli,
            ["--server", self.server.address, "--namespace", self.namespace, *arguments],
            input=given,
            env={"KNARR_CONFIG": "/nonexistent", **(env or {})},
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    def done(self, *arguments: str, given: str = "", env: dict[str, str] | None = None) -> str:
        """What a command printed that must succeed."""
        outcome = self(*arguments, given=given, env=env)
        assert outcome.code == 0, f"exit code {outcome.code}\n{outcome.out}\n{outcome.err}"
        return outcome.out

    def make(self, text: str) -> None:
        """Create the objects of a YAML text in this namespace, without the command line."""
        for document in read_text(text):
            obj = document.decode().strict()
            if kinds.of(obj).namespaced:
                metadata_of(obj).namespace = self.namespace
            self.server.call(self.server.client.create(obj))

    def get(self, kind: type[M], name: str) -> M:
        """An object as it is."""
        namespace = self.namespace if kinds.of(kind).namespaced else ""
        return self.server.call(self.server.client.get(kind, namespace, name))

    def set_status(self, obj: M) -> M:
        """Write an object's status, as its controller would."""
        return self.server.call(self.server.client.update_status(obj))


@contextlib.contextmanager
def api_server() -> Iterator[Server]:
    """An api server on a free port of loopback, its store in memory."""
    started: Future[tuple[Server, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with api_world() as world:
            server, port = transport.server("127.0.0.1:0")
            servicer = ObjectServicer(world.api, world.lister, world.watches, world.writer, IDENTITY)
            add_ObjectServiceServicer_to_server(servicer, server)
            insight = Insight(world.objects, Profiles(), SystemClock())
            add_InsightServiceServicer_to_server(InsightServicer(insight), server)
            await server.start()
            async with Client(transport.channel(f"127.0.0.1:{port}"), timeout_s=10.0) as client:
                started.set_result((Server(loop, world, port, client), stop))
                await stop.wait()
            await server.stop(0.2)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="api-server", daemon=True)
    thread.start()
    server, stop = started.result(START_S)
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(stop.set)
        thread.join(START_S)

"""A loopback TCP proxy that can cut, refuse, and swallow what the server answers."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator


class Proxy:
    """Forwards connections to one loopback port."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._refusing = False
        self._swallowing = False
        self._swallowed = asyncio.Event()
        self._dropping = False
        self._dropped = asyncio.Event()
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """End all connections and accept none until `allow`."""
        self._refusing = True
        self.cut()

    def allow(self) -> None:
        self._refusing = self._swallowing = False

    async def swallow_answer(self) -> None:
        """Let requests through but no answers; return when the server has answered something, which is lost.
        Connections are then cut and work again."""
        self._swallowed.clear()
        self._swallowing = True
        async with asyncio.timeout(20):
            await self._swallowed.wait()
        self.cut()
        self._swallowing = False

    async def drop_request(self) -> None:
        """Let no request through; return when there was one, which is lost. Connections are then cut and work
        again."""
        self._dropped.clear()
        self._dropping = True
        async with asyncio.timeout(20):
            await self._dropped.wait()
        self.cut()
        self._dropping = False

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        # A task of our own: asyncio complains of its own one when that is cancelled.
        task = asyncio.create_task(self._forward(reader, writer), name="proxy-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        answers = asyncio.create_task(self._answers(up_reader, writer), name="proxy-answers")
        try:
            await self._requests(reader, up_writer)
        finally:
            answers.cancel()
            for one in (writer, up_writer):
                one.transport.abort()
                self._writers.discard(one)
            await asyncio.wait([answers])

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self._dropping:
                    writer.write(data)
                    await writer.drain()
                elif len(data) > 60:  # not the acknowledgement of a frame: a request
                    self._dropped.set()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self._swallowing:
                    writer.write(data)
                    await writer.drain()
                elif len(data) > 60:  # not the acknowledgement of a frame: an answer
                    self._swallowed.set()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy_to(endpoint: str) -> AsyncGenerator[Proxy, None]:
    """A proxy to "host:port", ended afterwards."""
    proxy = Proxy(int(endpoint.rpartition(":")[2]))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()

"""Endless answers of the engine (events, logs, pulls) as asynchronous generators, one thread each.

The thread reads at the pace of its consumer: it stops when BUFFERED items wait.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Generic, TypeVar

from node_agent.runtime.docker.calls import translated

T = TypeVar("T")

BUFFERED = 256


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Reader(Generic[T]):
    """One thread that reads one answer."""

    def __init__(self, name: str, opened: Callable[[], Iterator[T]]) -> None:
        self._open = opened
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(BUFFERED)
        self._lock = threading.Lock()
        self._closed = False
        self._stream: Iterator[T] | None = None
        self.queue: asyncio.Queue[T | _End] = asyncio.Queue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def consumed(self) -> None:
        self._room.release()

    def close(self) -> None:
        """Wake the thread, wherever it waits."""
        with self._lock:
            self._closed = True
            stream = self._stream
        self._room.release()
        if stream is not None:
            _shut(stream)

    def _run(self) -> None:
        try:
            translated(self._read)
        except BaseException as error:
            self._deliver(_End(error))
        else:
            self._deliver(_End(None))

    def _read(self) -> None:
        stream = self._open()
        with self._lock:
            self._stream = stream
            closed = self._closed
        try:
            while not closed:
                item = next(stream, None)
                if item is None:
                    return
                self._room.acquire()
                closed = self._closed
                self._deliver(item)
        finally:
            response = getattr(stream, "_response", None)
            if response is not None:
                response.close()

    def _deliver(self, item: T | _End) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
            self._loop.call_soon_threadsafe(self.queue.put_nowait, item)


def _shut(stream: Any) -> None:
    """Shut the socket under a stream that another thread reads."""
    # The SDK looks for the socket in places that are gone when the answer has just ended by itself.
    with contextlib.suppress(OSError, AttributeError, ValueError):
        stream.close()


async def stream(name: str, opened: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """The items of `opened()`, which runs and is read in a thread called `name`. Raises RuntimeFailure."""
    reader = _Reader(name, opened)
    try:
        while True:
            item = await reader.queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            reader.consumed()
            yield item
    finally:
        reader.close()

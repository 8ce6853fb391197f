"""The docker SDK in a bounded pool of threads: timeouts, cancellation and the engine's errors in our words.

The SDK blocks; nothing of it may run on the event loop. It is imported on first use, since an agent that
runs the fake engine must not pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from node_agent.runtime.errors import EngineUnavailable, NotFound, Refused, RuntimeFailure

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")

THREADS = 8  # the engine starts no more containers a second with more at once
_FINAL = ("OCI runtime", "port is already allocated", "address already in use")
CALL_TIMEOUT_S = 60.0  # a create on a busy disk was seen to take 20 s


class DockerCalls:
    """Runs functions of the SDK's client in threads, at most THREADS at once."""

    def __init__(self, url: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._slots = asyncio.Semaphore(THREADS)
        self._client: APIClient | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(self, function: Callable[[APIClient], T]) -> T:
        """`function(client)` in a thread. Raises RuntimeFailure.

        When cancelled it still waits for the thread, so that what was sent to the engine is done or refused
        before anyone decides anew."""
        client = await self.client()
        return await self._in_thread(lambda: function(client))

    async def client(self) -> APIClient:
        """The SDK's client, its API version negotiated with the engine on first use."""
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    self._client = await self._in_thread(self._connect)
        return self._client

    async def close(self) -> None:
        """End the threads and the connections."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._pool.shutdown(wait=False)

    def _connect(self) -> APIClient:
        from docker import APIClient

        return APIClient(base_url=self._url, version="auto", timeout=int(self._timeout_s))

    async def _in_thread(self, function: Callable[[], T]) -> T:
        if self._closed:
            raise EngineUnavailable("the engine's client is closed")
        async with self._slots:
            future = asyncio.get_running_loop().run_in_executor(self._pool, translated, function)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                await asyncio.wait([future])
                future.exception()
                raise


def translated(function: Callable[[], T]) -> T:
    """`function()` with the SDK's errors as RuntimeFailures; for use in threads."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        return function()
    except APIError as error:
        raise _from_api(error) from error
    except (DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineUnavailable(f"cannot reach the Docker engine: {error}") from error


def _from_api(error: Exception) -> RuntimeFailure:
    status = getattr(error, "status_code", None)
    message = str(getattr(error, "explanation", None) or error).strip()
    if status == 404:
        return NotFound(message)
    if status is not None and (400 <= status < 500 or _is_final(message)):
        return Refused(message)
    return EngineUnavailable(message)


def _is_final(message: str) -> bool:
    """The engine answers 500 also to what can never work; its text alone tells them apart."""
    return any(part in message for part in _FINAL)

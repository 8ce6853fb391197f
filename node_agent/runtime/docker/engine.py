"""Docker as an Engine: each verb a few lines over the SDK's low-level client.

A relist costs one call: what was inspected is remembered until an event or the engine's list says that the
container has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, cast

from knarr.clock import Clock
from node_agent.runtime.docker import convert
from node_agent.runtime.docker.calls import DockerCalls
from node_agent.runtime.docker.streaming import stream
from node_agent.runtime.errors import EngineUnavailable, ImageFailure, NotFound, Refused, RuntimeFailure
from node_agent.runtime.interface import (
    CommandResult,
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ImageState,
    LogOptions,
    Phase,
)

if TYPE_CHECKING:
    from docker import APIClient

EVENTS = ["create", "start", "die", "oom", "destroy", "pause", "unpause"]
OUTPUT_LIMIT_BYTES = 10 * 1024
KILL_WAIT_S = 10.0  # a killed process that is still there after this hangs in the kernel
PULLS_AT_ONCE = 3


class DockerEngine:
    """The containers of one node of one cluster on one Docker engine."""

    def __init__(self, url: str, *, cluster: str, node: str, clock: Clock) -> None:
        self._calls = DockerCalls(url)
        self._cluster = cluster
        self._node = node
        self._own_labels = [f"{convert.LABEL_CLUSTER}={cluster}", f"{convert.LABEL_NODE}={node}"]
        self._clock = clock
        self._inspected: dict[str, tuple[str, ContainerState]] = {}  # id -> (engine's state word, state)
        self._deaths: dict[str, asyncio.Event] = {}
        self._pulls = asyncio.Semaphore(PULLS_AT_ONCE)

    # Runtime

    async def list(self, pod_uid: str = "") -> tuple[ContainerState, ...]:
        wanted = [*self._own_labels, *([f"{convert.LABEL_UID}={pod_uid}"] if pod_uid else ())]
        found = await self._calls.call(lambda client: client.containers(all=True, filters={"label": wanted}))
        states = []
        for entry in found:
            with contextlib.suppress(NotFound):  # removed since
                states.append(await self._inspect(entry["Id"], entry["State"]))
        if not pod_uid:
            listed = {entry["Id"] for entry in found}
            self._inspected = {key: value for key, value in self._inspected.items() if key in listed}
        return tuple(sorted(states, key=lambda state: (state.created_at, state.identity.attempt)))

    async def create(self, spec: ContainerSpec) -> str:
        name = convert.name(spec.identity)
        body = convert.creation(spec, self._cluster, self._node)

        def creating(client: APIClient) -> Any:
            return client.create_container_from_config(body, name)  # type: ignore[no-untyped-call]

        try:
            made = await self._calls.call(creating)
        except NotFound as error:
            # The sandbox may be what is not there.
            kind = Refused if "No such container" in str(error) else ImageFailure
            raise kind(str(error)) from error
        except Refused as error:
            existing = await self._existing(name, spec) if "already in use" in str(error) else ""
            if not existing:
                raise
            return existing
        return cast(str, made["Id"])

    async def start(self, container_id: str) -> None:
        await self._changing(container_id, lambda client: client.start(container_id))

    async def stop(self, container_id: str, grace_s: float) -> None:
        died = self._deaths.setdefault(container_id, asyncio.Event())
        died.clear()
        try:
            if grace_s > 0 and not await self._signal(container_id, None):
                return
            if grace_s > 0 and await self._ended(container_id, died, grace_s):
                return
            if await self._signal(container_id, "SIGKILL"):
                await self._ended(container_id, died, KILL_WAIT_S)
        except NotFound:
            return
        finally:
            self._deaths.pop(container_id, None)

    async def remove(self, container_id: str) -> None:
        with contextlib.suppress(NotFound):
            try:
                await self._changing(
                    container_id, lambda client: client.remove_container(container_id, force=True, v=True)
                )
            except Refused as error:
                if "already in progress" not in str(error):
                    raise
        self._inspected.pop(container_id, None)

    async def logs(self, container_id: str, options: LogOptions) -> AsyncGenerator[bytes, None]:
        # Looked for first: the SDK leaves a connection open behind the log of a container that is not there.
        self._inspected.pop(container_id, None)
        await self._inspect(container_id)
        client = await self._calls.client()

        def opened() -> Iterator[bytes]:
            return cast(
                Iterator[bytes],
                client.logs(
                    container_id,
                    stream=True,
                    follow=options.follow,
                    timestamps=options.timestamps,
                    tail=options.tail if options.tail >= 0 else "all",
                    since=options.since or None,
                ),
            )

        async with contextlib.aclosing(stream(f"docker-logs-{container_id[:12]}", opened)) as pieces:
            async for piece in pieces:
                yield piece

    async def events(self) -> AsyncGenerator[ContainerEvent, None]:
        client = await self._calls.client()
        filters = {"type": "container", "label": self._own_labels, "event": EVENTS}
        # The engine replays from `since` on: what happens before its subscription stands is not missed.
        since = int(self._clock.now())

        def opened() -> Iterator[dict[str, Any]]:
            return cast(Iterator[dict[str, Any]], client.events(since=since, filters=filters, decode=True))

        self._inspected.clear()
        yield ContainerEvent("")
        async with contextlib.aclosing(stream("docker-events", opened)) as found:
            async for event in found:
                yield self._noted(event)
        raise EngineUnavailable("the Docker engine ended its stream of events")

    # Images

    async def find(self, image: str) -> ImageState | None:
        def inspecting(client: APIClient) -> Any:
            return client.inspect_image(image)  # type: ignore[no-untyped-call]

        try:
            found = await self._calls.call(inspecting)
        except (NotFound, Refused):  # Refused: no reference at all; the pull will say so
            return None
        return ImageState(found["Id"], (found.get("Config") or {}).get("User", ""))

    async def pull(self, image: str) -> ImageState:
        client = await self._calls.client()
        repository, tag = _split(image)

        def opened() -> Iterator[dict[str, Any]]:
            # A generator of the SDK; it raises on its first step.
            return cast(Iterator[dict[str, Any]], client.pull(repository, tag=tag, stream=True, decode=True))

        try:
            async with self._pulls, contextlib.aclosing(stream("docker-pull", opened)) as progress:
                async for step in progress:
                    if "error" in step:
                        raise ImageFailure(str(step["error"]))
        except (NotFound, Refused, EngineUnavailable) as error:
            raise ImageFailure(str(error)) from error
        found = await self.find(image)
        if found is None:
            raise ImageFailure(f"the engine pulled {image} and does not have it")
        return found

    # Commands

    async def run(self, container_id: str, command: tuple[str, ...], timeout_s: float) -> CommandResult:
        made = await self._calls.call(lambda client: client.exec_create(container_id, list(command)))
        exec_id = cast(str, made["Id"])
        client = await self._calls.client()

        def opened() -> Iterator[bytes]:
            return cast(Iterator[bytes], client.exec_start(exec_id, stream=True))

        output = bytearray()
        async with asyncio.timeout(timeout_s):
            async with contextlib.aclosing(stream("docker-exec", opened)) as pieces:
                async for piece in pieces:
                    output += piece[: max(0, OUTPUT_LIMIT_BYTES - len(output))]
        ended = await self._calls.call(lambda client: client.exec_inspect(exec_id))
        return CommandResult(int(ended["ExitCode"] or 0), bytes(output))

    # Engine

    async def version(self) -> str:
        found = await self._calls.call(lambda client: client.version())
        return f"docker://{found['Version']}"

    async def close(self) -> None:
        await self._calls.close()

    # Inner parts

    async def _inspect(self, container_id: str, word: str = "") -> ContainerState:
        known = self._inspected.get(container_id)
        if known is not None and word and known[0] == word:
            return known[1]
        found = await self._calls.call(lambda client: client.inspect_container(container_id))
        state = convert.state(found)
        self._inspected[state.id] = (found["State"]["Status"], state)
        return state

    async def _existing(self, name: str, spec: ContainerSpec) -> str:
        """The container that has the name, if it is the one that we wanted to make."""
        with contextlib.suppress(RuntimeFailure, KeyError, ValueError):
            found = await self._inspect(name)
            if found.identity == spec.identity:
                return found.id
        return ""

    async def _changing(self, container_id: str, function: Any) -> None:
        self._inspected.pop(container_id, None)
        try:
            await self._calls.call(function)
        finally:
            self._inspected.pop(container_id, None)

    async def _signal(self, container_id: str, signal: str | None) -> bool:
        """Send a signal (None: the container's stop signal); False when it does not run."""
        if signal is None:
            found = await self._calls.call(lambda client: client.inspect_container(container_id))
            signal = found["Config"].get("StopSignal") or "SIGTERM"
        try:
            await self._changing(container_id, lambda client: client.kill(container_id, signal))
        except Refused as error:
            if "is not running" in str(error):
                return False
            raise
        return True

    async def _ended(self, container_id: str, died: asyncio.Event, wait_s: float) -> bool:
        """Whether it ends within `wait_s`: told by the event, or, should that be lost, by looking."""
        deadline = self._clock.monotonic() + wait_s
        pause_s = 0.02
        while True:
            self._inspected.pop(container_id, None)
            if (await self._inspect(container_id)).phase is Phase.EXITED:
                return True
            left_s = deadline - self._clock.monotonic()
            if left_s <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(died.wait(), min(pause_s, left_s))
            died.clear()
            pause_s = min(1.0, pause_s * 2)

    def _noted(self, event: dict[str, Any]) -> ContainerEvent:
        container_id = event["Actor"]["ID"]
        self._inspected.pop(container_id, None)
        waiting = self._deaths.get(container_id)
        if waiting is not None:
            waiting.set()
        return ContainerEvent(event["Actor"]["Attributes"].get(convert.LABEL_UID, ""))


def _split(image: str) -> tuple[str, str | None]:
    """(repository, tag) for the SDK: without a tag it would fetch all of them; a digest is no tag."""
    if "@" in image:
        return image, None
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")

"""Resuming watches, on virtual time: from where, how often, for how long."""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from math import inf

import pytest

from knarr.client.following import Progress, Source, progress
from knarr.client.known import ChangeType, Known, Seen
from knarr.client.streams import STALLED_S, Batches, resumed
from knarr.errors import ApiError, BadRequest, Expired, InternalError, Timeout, TooManyRequests, Unavailable
from knarr.proto.services import object_service_pb2 as wire
from tests.support.virtual import on_virtual_time

ADDED, DELETED = wire.WatchEvent.ADDED, wire.WatchEvent.DELETED


def event(version: int, kind: "wire.WatchEvent.Type.ValueType" = ADDED, name: str = "a") -> wire.WatchEvent:
    return wire.WatchEvent(type=kind, object=name.encode(), resource_version=str(version))


class Server:
    """Streams as they are told beforehand: events, and then an error, None for its end, or silence."""

    def __init__(self, *streams: tuple[Sequence[wire.WatchEvent], ApiError | str | None]) -> None:
        self._streams = list(streams)
        self.opened: list[tuple[float, str]] = []  # when, and after which version

    async def open(self, version: str) -> AsyncGenerator[Sequence[wire.WatchEvent], None]:
        self.opened.append((asyncio.get_running_loop().time(), version))
        events, end = self._streams.pop(0) if self._streams else ((), Unavailable("away"))
        if events:
            yield events
        if isinstance(end, ApiError):
            raise end
        if end == "silence":
            await asyncio.get_running_loop().create_future()


def collect(server: Server, patience_s: float, *, until: int = 1_000) -> list[str]:
    """The versions told, until so many were or the stream has raised an ApiError, whose class comes last."""

    async def run() -> list[str]:
        told: list[str] = []
        stream: Batches = resumed(server.open, "5", patience_s, random.Random(1))
        async with aclosing(stream):
            try:
                async for events in stream:
                    told += [each.resource_version for each in events]
                    if len(told) >= until:
                        break
            except ApiError as error:
                told.append(type(error).__name__)
        return told

    return on_virtual_time(run())


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(None, id="the server's time is up"),
        pytest.param(Unavailable("gone"), id="the connection broke"),
        pytest.param(TooManyRequests("took nothing"), id="we were slow"),
        pytest.param(Timeout("no answer"), id="it did not answer"),
        pytest.param(InternalError("defect"), id="it failed"),
        pytest.param("silence", id="it fell silent"),
    ],
)
def test_it_goes_on_after_the_last_event(end: ApiError | str | None) -> None:
    server = Server(([event(6), event(9)], end), ([event(12)], None))
    assert collect(server, 60.0, until=3) == ["6", "9", "12"]
    assert [version for _, version in server.opened] == ["5", "9"]
    waited_s = server.opened[1][0] - server.opened[0][0]
    assert (waited_s > STALLED_S) == (end == "silence")


@pytest.mark.parametrize("error", [Expired("compacted"), BadRequest("no such field")])
def test_what_no_other_try_mends_is_raised(error: ApiError) -> None:
    server = Server(([event(6)], error))
    assert collect(server, 60.0) == ["6", type(error).__name__]
    assert len(server.opened) == 1


def test_patience_ends() -> None:
    server = Server(([event(6)], Unavailable("gone")))
    assert collect(server, 60.0) == ["6", "Unavailable"]
    first, last = server.opened[0][0], server.opened[-1][0]
    assert 60.0 <= last - first < 66.0


def test_pauses_grow_and_are_bounded_and_begin_anew_after_an_event() -> None:
    away: list[tuple[Sequence[wire.WatchEvent], ApiError | str | None]] = [((), Unavailable("away"))] * 8
    server = Server(*away, ([event(6)], Unavailable("gone")), *away)
    collect(server, 30.0)
    times = [when for when, _ in server.opened]
    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert all(pause <= 5.0 for pause in pauses)
    assert pauses[0] <= 0.1
    assert pauses[7] > 1.0
    assert pauses[8] <= 0.1  # after the event


def test_each_loss_is_told_once() -> None:
    lost: list[str] = []
    away: list[tuple[Sequence[wire.WatchEvent], ApiError | str | None]] = [((), Unavailable("away"))] * 3
    server = Server(*away, ([event(6)], Unavailable("gone")), *away, ([event(7)], None))

    async def run() -> None:
        stream = resumed(server.open, "5", 60.0, random.Random(1), lambda error: lost.append(error.message))
        async with aclosing(stream):
            async for events in stream:
                if events[-1].resource_version == "7":
                    break

    on_virtual_time(run())
    assert lost == ["away", "gone"]


def followed(
    server: Server,
    lists: list[Sequence[Seen] | ApiError],
    patience_s: float,
    enough: Callable[[Progress], bool],
) -> list[tuple[str, str]]:
    """The steps told, until one says that it is enough; an ApiError comes last."""

    async def listed() -> tuple[Sequence[Seen], str]:
        found = lists.pop(0) if lists else Unavailable("away")
        if isinstance(found, ApiError):
            raise found
        return found, "5"

    def read(told: wire.WatchEvent) -> Seen:
        return Seen(("n", told.object.decode()), "", told.resource_version.encode())

    async def run() -> list[tuple[str, str]]:
        steps: list[tuple[str, str]] = []
        stream = progress(Source(listed, server.open, read), Known(), patience_s, random.Random(1))
        async with aclosing(stream):
            try:
                async for part in stream:
                    steps += [(step.type.value, step.key[1]) for step in part.steps]
                    if enough(part):
                        break
            except ApiError as error:
                steps.append(("raised", type(error).__name__))
        return steps

    return on_virtual_time(run())


def seen(name: str, value: str = "1") -> Seen:
    return Seen(("n", name), "", value.encode())


def deleted(name: str) -> Callable[[Progress], bool]:
    return lambda part: any(
        step.type is ChangeType.DELETED and step.key == ("n", name) for step in part.steps
    )


def test_a_new_list_tells_the_difference() -> None:
    server = Server(([event(6, name="c")], Expired("compacted")), ([event(7, DELETED, "b")], None))
    lists: list[Sequence[Seen] | ApiError] = [[seen("a"), seen("b")], Unavailable("away"), [seen("b", "2")]]
    assert followed(server, lists, inf, deleted("b")) == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("ADDED", "c"),
        ("DELETED", "a"),
        ("DELETED", "c"),
        ("MODIFIED", "b"),
        ("DELETED", "b"),
    ]


def test_lists_that_fail_end_with_patience_too() -> None:
    assert followed(Server(), [], 20.0, deleted("a")) == [("raised", "Unavailable")]
    refused: list[Sequence[Seen] | ApiError] = [BadRequest("no such field")]
    assert followed(Server(), refused, inf, deleted("a")) == [("raised", "BadRequest")]


def test_a_follower_that_is_always_too_slow_does_not_ask_as_fast_as_it_can() -> None:
    server = Server(*[((), Expired("too slow"))] * 6, ([event(9, DELETED, "a")], None))
    lists: list[Sequence[Seen] | ApiError] = [[seen("a")]] * 7
    assert followed(server, lists, inf, deleted("a")) == [("ADDED", "a"), ("DELETED", "a")]
    assert server.opened[-1][0] - server.opened[0][0] > 2.0

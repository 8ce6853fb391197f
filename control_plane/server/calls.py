"""Calls: how each call of ObjectService is carried out: in its turn, bounded, measured, and answered.

Callers are told apart by their connection, which is what one of them has when it floods the server.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc.aio

from control_plane.server.answering import answered
from control_plane.server.flow.counting import OpenCalls
from control_plane.server.flow.gate import Gate
from control_plane.server.flow.settings import FlowSettings
from control_plane.server.metrics import MethodMetrics, RequestMetrics
from knarr.errors import TooManyRequests

Q = TypeVar("Q")
R = TypeVar("R")
Context = grpc.aio.ServicerContext[Any, Any]
Messages = Callable[[Q], AsyncGenerator[R, None]]


class Calls:
    """All calls of one server."""

    def __init__(self, flow: FlowSettings, metrics: RequestMetrics, send_timeout_s: float) -> None:
        """`send_timeout_s`: a client that takes nothing for so long is cut off."""
        self._turns = Gate(flow.calls)
        self._parts = Gate(flow.parts)
        self._lists = OpenCalls("lists", flow.lists, flow.lists_each)
        self._watches = OpenCalls("watches", flow.watches, flow.watches_each)
        self._send_timeout_s = send_timeout_s
        gates = {"calls": self._turns, "list-parts": self._parts}
        open_calls = {"lists": self._lists, "watches": self._watches}
        metrics.gauge(
            "knarr_api_waiting",
            "Requests that wait for their turn",
            "sort",
            lambda: [(sort, gate.waiting) for sort, gate in gates.items()],
        )
        metrics.gauge(
            "knarr_api_open",
            "Calls that stay open for long",
            "sort",
            lambda: [(sort, each.total) for sort, each in open_calls.items()],
        )
        metrics.counter(
            "knarr_api_turned_away",
            "Requests that were told to come again, because there were too many",
            "sort",
            lambda: [
                *((sort, gate.refused) for sort, gate in gates.items()),
                *((sort, each.refused) for sort, each in open_calls.items()),
            ],
        )

    async def unary(
        self,
        context: Context,
        method: MethodMetrics,
        work: Callable[[Q], Awaitable[R]],
        request: Q,
        cost: int = 1,
    ) -> R:
        """One request, one answer. `cost`: how many requests for one object it is worth."""
        return await answered(context, self._in_turn(context.peer(), method, work, request, cost))

    async def list(
        self, context: Context, method: MethodMetrics, messages: Messages[Q, R], request: Q
    ) -> None:
        """A list in parts, each made in its turn; a client that is slow to take them holds up nobody."""
        caller = context.peer()

        async def work() -> None:
            with method.measured(), self._lists.counted(caller):
                await self._send(context, self._parts_in_turn(caller, messages(request)))

        await answered(context, work())

    async def watch(
        self, context: Context, method: MethodMetrics, messages: Messages[Q, R], request: Q
    ) -> None:
        """A watch until one of the two ends it."""
        caller = context.peer()

        async def work() -> None:
            with method.measured(), self._watches.counted(caller):
                await self._send(context, messages(request))

        await answered(context, work())

    async def _in_turn(
        self, caller: str, method: MethodMetrics, work: Callable[[Q], Awaitable[R]], request: Q, cost: int
    ) -> R:
        with method.measured():
            await self._turns.enter(caller, cost)
            try:
                return await work(request)
            finally:
                self._turns.leave(cost)

    async def _parts_in_turn(self, caller: str, messages: AsyncGenerator[R, None]) -> AsyncGenerator[R, None]:
        async with aclosing(messages):
            while True:
                await self._parts.enter(caller)
                try:
                    message = await anext(messages, None)
                finally:
                    self._parts.leave()
                if message is None:
                    return
                yield message

    async def _send(self, context: Context, messages: AsyncGenerator[Any, None]) -> None:
        """Raises TooManyRequests when the client does not take what it asked for; whatever happens, what made
        the messages has ended then."""
        async with aclosing(messages):
            async for message in messages:
                try:
                    async with asyncio.timeout(self._send_timeout_s):
                        await context.write(message)
                except TimeoutError as error:
                    raise TooManyRequests(
                        f"the client took nothing for {self._send_timeout_s:g} s", retry_after_s=1
                    ) from error

"""Gate: requests wait here for their turn; decided in queue.py."""

import asyncio

from control_plane.server.flow.queue import FairQueue
from control_plane.server.flow.settings import GateSettings
from knarr.errors import TooManyRequests

RETRY_AFTER_S = 1


class Gate:
    """Lets requests of one sort through."""

    def __init__(self, settings: GateSettings) -> None:
        self._settings = settings
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue(
            settings.at_once, settings.waiting, settings.waiting_each
        )
        self.refused = 0

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    async def enter(self, caller: str, cost: int = 1) -> None:
        """Return when it is the request's turn; it must `leave` then. Raises TooManyRequests when too many
        wait, or for too long."""
        if not self._queue.enter(caller, cost):
            await self._wait(caller, cost)

    def leave(self, cost: int = 1) -> None:
        """The request has been served."""
        self._queue.leave(cost)
        self._serve()

    async def _wait(self, caller: str, cost: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place, gone = self._queue.wait(caller, cost, turn)
        if gone is not None and not gone.done():
            gone.set_exception(self._refusal("too many requests wait, and most of them are of this client"))
        if place is None:
            raise self._refusal("this client has too many requests waiting")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await turn
        except (TimeoutError, asyncio.CancelledError, TooManyRequests) as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(cost)  # its turn came in the very moment
            else:
                self._queue.forget(place)
            if isinstance(error, TimeoutError):
                raise self._refusal("the server has more to do than it can") from error
            raise

    def _serve(self) -> None:
        while (found := self._queue.next()) is not None:
            turn, cost = found
            if turn.done():
                self._queue.leave(cost)
            else:
                turn.set_result(None)

    def _refusal(self, why: str) -> TooManyRequests:
        self.refused += 1
        return TooManyRequests(f"{why}; try again later", retry_after_s=RETRY_AFTER_S)

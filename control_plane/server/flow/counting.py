"""OpenCalls: bounds what stays open for long, lists and watches: of one caller, and of all."""

from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.server.flow.gate import RETRY_AFTER_S
from knarr.errors import TooManyRequests


class OpenCalls:
    """Counts open calls of one sort by caller."""

    def __init__(self, what: str, most: int, most_each: int) -> None:
        """`what`: "watches", for people."""
        self._what = what
        self._most = most
        self._most_each = most_each
        self._open: dict[str, int] = {}
        self.total = 0
        self.refused = 0

    @contextmanager
    def counted(self, caller: str) -> Iterator[None]:
        """One more is open meanwhile; raises TooManyRequests."""
        own = self._open.get(caller, 0)
        if own >= self._most_each or self.total >= self._most:
            self.refused += 1
            whose = f"{own} of this client's" if own >= self._most_each else str(self.total)
            raise TooManyRequests(f"too many {self._what}: {whose} are open", retry_after_s=RETRY_AFTER_S)
        self._open[caller] = own + 1
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

"""What all parts of the client share: the connections, the time that calls get, who writes."""

import random
from collections.abc import Callable, Sequence

from knarr.client.attempts import Attempts
from knarr.client.servers import Servers
from knarr.clock import Clock

WarningHandler = Callable[[str], None]


class Caller:
    """The base of the parts of Client."""

    def __init__(
        self,
        servers: Servers,
        *,
        timeout_s: float,
        field_manager: str,
        rng: random.Random,
        clock: Clock,
        on_warning: WarningHandler | None,
    ) -> None:
        self._servers = servers
        self._attempts = Attempts(servers, timeout_s, rng)
        self._timeout_s = timeout_s
        self._field_manager = field_manager
        self.rng = rng  # of jitter
        self.clock = clock
        self._on_warning = on_warning

    def _warn(self, warnings: Sequence[str]) -> None:
        if self._on_warning is not None:
            for warning in warnings:
                self._on_warning(warning)

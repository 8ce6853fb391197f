"""Carries placements to the API: batches of bindings, several calls in flight, what failed is handed back.

Takes what has gathered whenever a call is free, so batches are small under light load and full under heavy
load. Owns its tasks; may not decide.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from control_plane.objects.interface import Binding, Writer
from control_plane.scheduler.decisions import Placed
from control_plane.scheduler.metrics import SchedulerMetrics
from control_plane.scheduler.settings import SchedulerSettings
from knarr.clock import Clock
from knarr.errors import ApiError, Timeout

log = structlog.get_logger()
Bound = Callable[[Placed], None]
Failed = Callable[[Placed, ApiError], None]


class Binder:
    """See the module's docstring. `bound` and `failed` are called once for each placement, and must not
    block."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        settings: SchedulerSettings,
        metrics: SchedulerMetrics,
        bound: Bound,
        failed: Failed,
    ) -> None:
        self._writer, self._clock, self._settings, self._metrics = writer, clock, settings, metrics
        self._bound, self._failed = bound, failed
        self._waiting: deque[Placed] = deque()
        self._flying: dict[str, Placed] = {}
        self._some = asyncio.Event()

    def add(self, placements: Sequence[Placed]) -> None:
        """Bind these; does not block."""
        for placed in placements:
            self._waiting.append(placed)
            self._flying[placed.pod.key] = placed
        self._some.set()

    def __contains__(self, key: str) -> bool:
        """Whether a pod's binding is on its way."""
        return key in self._flying

    @property
    def full(self) -> bool:
        """Whether deciding should wait."""
        return len(self._flying) >= self._settings.bind_backlog

    async def run(self) -> None:
        """Send bindings until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._settings.bind_flights):
                group.create_task(self._fly(), name=f"scheduler-bind-{number}")

    async def _fly(self) -> None:
        while True:
            while not self._waiting:
                self._some.clear()
                await self._some.wait()
            size = min(len(self._waiting), self._settings.bind_batch)
            await self._send([self._waiting.popleft() for _ in range(size)])

    async def _send(self, batch: Sequence[Placed]) -> None:
        began = self._clock.monotonic()
        for placed, error in zip(batch, await self._outcomes(batch), strict=True):
            self._flying.pop(placed.pod.key, None)
            if error is None:
                self._bound(placed)
            else:
                self._failed(placed, error)
        self._metrics.bind_seconds.observe(self._clock.monotonic() - began)
        self._metrics.in_flight.set(len(self._flying))

    async def _outcomes(self, batch: Sequence[Placed]) -> Sequence[ApiError | None]:
        bindings = [_binding(placed) for placed in batch]
        try:
            async with asyncio.timeout(self._settings.bind_timeout_s):
                return await self._writer.bind(bindings)
        except ApiError as error:
            log.warning("binding_failed", pods=len(batch), error=str(error))
            return [error] * len(batch)
        except TimeoutError:
            log.warning("binding_timed_out", pods=len(batch), timeout_s=self._settings.bind_timeout_s)
            return [Timeout("the binding was not answered in time")] * len(batch)


def _binding(placed: Placed) -> Binding:
    namespace, _, name = placed.pod.key.partition("/")
    return Binding(namespace, name, placed.pod.uid, placed.node)

"""How late the event loop is: the measure of whether anything holds it."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram

from knarr.clock import Clock

INTERVAL_S = 1.0
SLOW_S = 0.25  # worth a line in the log

log = structlog.get_logger()


async def measure_lag(clock: Clock, registry: CollectorRegistry) -> None:
    """Measure for ever."""
    histogram = Histogram(
        "knarr_loop_lag_seconds",
        "How late a timer of the event loop fired",
        buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        registry=registry,
    )
    worst = Gauge("knarr_loop_lag_worst_seconds", "The worst lag since the start", registry=registry)
    worst_s = 0.0
    while True:
        began = clock.monotonic()
        await asyncio.sleep(INTERVAL_S)
        lag_s = max(0.0, clock.monotonic() - began - INTERVAL_S)
        histogram.observe(lag_s)
        if lag_s > worst_s:
            worst_s = lag_s
            worst.set(lag_s)
        if lag_s > SLOW_S:
            log.warning("event loop was held", seconds=round(lag_s, 3))

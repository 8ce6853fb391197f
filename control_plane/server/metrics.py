"""What ObjectService tells Prometheus: calls, how long they took, how many there are, and what was refused.

What is counted anyway is read when somebody asks for it; the rest costs a few microseconds a call.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from knarr.errors import ApiError

OK: Final = 200
CLIENT_LEFT: Final = 499
FAILED: Final = 500
_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

Figures = Callable[[], Iterable[tuple[str, float]]]  # what there is now: (label, value)


class MethodMetrics:
    """Of one method."""

    def __init__(self, method: str, calls: Counter, duration: Histogram | None, in_flight: Gauge) -> None:
        self._in_flight = 0
        self._ended = cache(lambda code: calls.labels(method, str(code)))
        self._duration = duration.labels(method) if duration is not None else None
        in_flight.labels(method).set_function(lambda: self._in_flight)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Counts and times what happens within, by the code of the Status that it ends with; 499 stands for a
        client that left."""
        loop = asyncio.get_running_loop()
        began, code = loop.time(), FAILED
        self._in_flight += 1
        try:
            yield
            code = OK
        except ApiError as error:
            code = error.code
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = CLIENT_LEFT
            raise
        finally:
            self._in_flight -= 1
            self._ended(code).inc()
            if self._duration is not None:
                self._duration.observe(loop.time() - began)


class RequestMetrics:
    """Of all methods. One instance a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._calls = Counter(
            "knarr_api_requests",
            "Calls that ended, by the code of their Status",
            ["method", "code"],
            registry=registry,
        )
        self._duration = Histogram(
            "knarr_api_request_seconds",
            "From a call's arrival to its end, the wait for its turn included",
            ["method"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._in_flight = Gauge(
            "knarr_api_requests_in_flight", "Calls under way or waiting", ["method"], registry=registry
        )

    def method(self, name: str, *, timed: bool = True) -> MethodMetrics:
        """`timed` False: a call that ends when its client wants it to, as watches do."""
        return MethodMetrics(name, self._calls, self._duration if timed else None, self._in_flight)

    def gauge(self, name: str, text: str, label: str, figures: Figures) -> None:
        """Figures that go up and down, read when somebody asks for them."""
        self._registry.register(_Read(lambda: GaugeMetricFamily(name, text, labels=[label]), figures))

    def counter(self, name: str, text: str, label: str, figures: Figures) -> None:
        """Figures that only go up, read when somebody asks for them."""
        self._registry.register(_Read(lambda: CounterMetricFamily(name, text, labels=[label]), figures))

    def watches(self, counts: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        """`counts`: of each kind, its plural, who watches it now, and how many were ever too slow to."""
        self.gauge(
            "knarr_api_watchers",
            "Watches of a kind",
            "kind",
            lambda: [(kind, watchers) for kind, watchers, _ in counts() if watchers],
        )
        self.counter(
            "knarr_api_watches_dropped",
            "Watches that ended because their clients fell behind what is remembered",
            "kind",
            lambda: [(kind, dropped) for kind, _, dropped in counts() if dropped],
        )


class _Read(Collector):
    def __init__(self, family: Callable[[], GaugeMetricFamily | CounterMetricFamily], figures: Figures):
        self._family = family
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for label, value in self._figures():
            family.add_metric([label], value)
        yield family

    def describe(self) -> Iterable[Metric]:
        yield self._family()

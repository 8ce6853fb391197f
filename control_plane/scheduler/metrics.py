"""What the scheduler measures of itself, for Prometheus. Names as users of kube-scheduler know them, where
they fit."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from control_plane.scheduler.queue import Queue

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class SchedulerMetrics:
    """Registered in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "scheduler_schedule_attempts",
            "Decisions by result: scheduled, unschedulable, error (the binding failed).",
            ("result",),
            registry=registry,
        )
        self.pending = Gauge(
            "scheduler_pending_pods",
            "Waiting pods: active (will be tried), backoff (after a failure), unschedulable.",
            ("queue",),
            registry=registry,
        )
        self.in_flight = Gauge(
            "scheduler_bindings_in_flight", "Decided, not yet known to be bound.", registry=registry
        )
        self.slice_seconds = Histogram(
            "scheduler_slice_seconds",
            "How long one slice of work held the event loop.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.bind_seconds = Histogram(
            "scheduler_bind_seconds",
            "How long a batch of bindings took.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.wakes = Counter(
            "scheduler_woken_groups", "Groups of parked pods that a change woke.", registry=registry
        )
        self.victims = Counter(
            "scheduler_preemption_victims", "Pods evicted to make room for others.", registry=registry
        )

    def count_pending(self, queue: Queue) -> None:
        """How many pods wait, and what for."""
        parked, resting = queue.parked, queue.resting
        self.pending.labels("unschedulable").set(parked)
        self.pending.labels("backoff").set(resting)
        self.pending.labels("active").set(len(queue) - parked - resting)

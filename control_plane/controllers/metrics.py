"""What the controllers' loops tell Prometheus. One instance a registry, shared by all controllers."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_S = (0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class ControllerMetrics:
    """Counters and histograms, all labelled by the name of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queue_depth = Gauge(
            "knarr_controller_queue_depth",
            "Keys ready to be decided about",
            ["controller"],
            registry=registry,
        )
        self.queue_wait = Histogram(
            "knarr_controller_queue_wait_seconds",
            "How long a key was ready before a worker took it",
            ["controller"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.decision = Histogram(
            "knarr_controller_decision_seconds",
            "How long reading the snapshot and deciding held the event loop",
            ["controller"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.pass_ = Histogram(
            "knarr_controller_pass_seconds",
            "From taking a key to its last action being seen by the cache",
            ["controller"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.actions = Counter(
            "knarr_controller_actions", "Actions carried out", ["controller", "action"], registry=registry
        )
        self.errors = Counter(
            "knarr_controller_errors",
            "Decisions that could not be carried out in full",
            ["controller", "reason"],
            registry=registry,
        )

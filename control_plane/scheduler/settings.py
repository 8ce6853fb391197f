"""Settings of the scheduler: each with unit, default and reason."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """All of them; the defaults fit clusters of 1 to 5,000 nodes."""

    # The longest the event loop is held by deciding or by taking in changes; latency of all else hangs on it.
    slice_s: float = 0.015
    # The longest pause after a slice while changes come in crowds: deciding about many at once is cheaper.
    rest_s: float = 0.02
    # The most pods of one shape decided at once; cut further by what decisions of the kind cost of late.
    group_limit: int = 3_000
    # Bindings sent in one call of Writer.bind: enough to fill the store's batches, few enough to answer soon.
    bind_batch: int = 500
    # Calls of Writer.bind at the same time: hides the store's latency.
    bind_flights: int = 6
    # Decided but not yet bound pods; above it deciding waits.
    bind_backlog: int = 4_000
    # How long a binding may take before it is looked at as failed.
    bind_timeout_s: float = 15.0
    # How long it may take to take the volumes of one pod. With bind_timeout_s and the wait for a full binder
    # it stays below the time for which a volume is held (control_plane/volumes/taking.py).
    volumes_timeout_s: float = 15.0
    # Decided pods whose volumes are still being taken; above it deciding waits. One write each: soon done.
    volumes_backlog: int = 1_000
    # First and longest wait before a pod that failed is tried again; doubles, with jitter, as in Kubernetes.
    backoff_first_s: float = 1.0
    backoff_most_s: float = 10.0
    # Pods that no event woke are tried again after this, in case a hint was wrong; as in Kubernetes.
    flush_s: float = 300.0
    # Conditions and FailedScheduling events written per second: explanations must not crowd out bindings.
    reports_per_s: float = 100.0
    # A condition whose counts alone changed is written again no sooner than this.
    report_again_s: float = 30.0
    # Scheduled events per second, and how many at once: the binding itself stands in the pod.
    scheduled_events_per_s: float = 20.0
    scheduled_events_burst: float = 200.0

    def with_backoff(self, first_s: float | None, most_s: float | None) -> "SchedulerSettings":
        """These with other back-offs; None leaves one as it is."""
        first, most = first_s or self.backoff_first_s, most_s or self.backoff_most_s
        return replace(self, backoff_first_s=first, backoff_most_s=max(first, most))

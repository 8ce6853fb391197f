"""What can be set about the API server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Bounds and defaults. Sizes are in bytes, times in seconds."""

    # An object serialised. etcd refuses requests over 1.5 MiB, and an object shares one with its key and
    # its comparison.
    max_object_bytes: int = 1_048_576
    # How long a pod stays on a node that is not ready or cannot be reached, when it does not say itself.
    # Kubernetes has 300; ours is part of "running elsewhere within 20 s".
    toleration_s: int = 5
    # Whether what Knarr does not honour is refused by its field path. Otherwise it is stored with a warning,
    # for who wants Kubernetes' API more than its deeds.
    refuse_unsupported: bool = True
    # One request to the store, its own reconnects included; longer, and the caller is told.
    store_timeout_s: float = 5.0
    # To find out what became of a write that was not confirmed in that time.
    settle_timeout_s: float = 1.0
    # Tries of one unconditional write that meets newer versions each time.
    write_attempts: int = 12
    # Wait before the second try; doubles, with jitter, up to the longest.
    retry_s: float = 0.002
    retry_longest_s: float = 0.1
    # Objects read from the store at once by a list.
    list_page: int = 500
    # Bytes handed on at once by a list or a watch; one object may be more.
    part_bytes: int = 1_048_576
    # Recent changes of one kind kept for watches to resume from; the watch that falls behind them ends.
    watch_history: int = 8_192
    watch_history_bytes: int = 16_777_216
    # Changes handed on at once by a watch.
    watch_batch: int = 128
    # A quiet watch that asked for bookmarks gets one this often.
    bookmark_s: float = 60.0
    # Items of one batch request, and how many of them are under way at once.
    batch_limit: int = 1_000
    batch_concurrency: int = 256
    # Objects of one delete by selector that are deleted at once.
    delete_concurrency: int = 64
    # Addresses of Services, an IPv4 network, and node ports, first and last. Kubernetes' defaults; what is
    # held stays held when they change.
    service_addresses: str = "10.96.0.0/16"
    node_ports: tuple[int, int] = (30_000, 32_767)

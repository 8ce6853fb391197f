"""Timestamps of messages, from and to seconds since 1970; whole, as Kubernetes' JSON keeps them. Pure."""

from knarr.proto.kubernetes import meta_v1_pb2 as meta


def timestamp(now: float) -> meta.Time:
    """The Time of `now`, rounded down to the second."""
    return meta.Time(seconds=int(now))


def seconds(time: meta.Time) -> float:
    """Seconds since 1970; 0.0 for a time that is not set."""
    return time.seconds + time.nanos / 1e9

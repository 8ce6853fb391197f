"""How long a container that has ended waits before it is started again. Pure.

As the kubelet: at once after the first end, then 10 s doubling up to 5 minutes; a run of 10 minutes clears
the slate. The count stands in the container's labels, so a restart of the agent does not forget it.
"""

from node_agent.runtime.interface import ContainerState

FIRST_S = 10.0
MAX_S = 300.0
RESET_AFTER_S = 600.0


def delay_s(ended: ContainerState) -> float:
    """Seconds from its end to the next start."""
    level = ended.identity.backoff
    if level == 0 or _ran_long(ended):
        return 0.0
    return min(MAX_S, FIRST_S * 2.0 ** (min(level, 10) - 1))


def next_level(ended: ContainerState) -> int:
    """The `backoff` of the container that takes its place."""
    return 1 if _ran_long(ended) else ended.identity.backoff + 1


def restart_at(ended: ContainerState) -> float:
    """When its successor may start, in seconds since 1970."""
    return ended.finished_at + delay_s(ended)


def _ran_long(ended: ContainerState) -> bool:
    return ended.started_at > 0 and ended.finished_at - ended.started_at >= RESET_AFTER_S

"""How patient the control plane is with its agents."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Each in the unit its name says."""

    # Quick enough that a dead node is noticed within 10 s, slow enough to cost nothing.
    heartbeat_interval_s: float = 2.0
    # The interval is stretched so that all nodes together stay below this rate: a heartbeat costs 0.2 ms.
    heartbeats_per_s: float = 1000.0
    # Share by which each agent's interval is varied, so that they do not come in step.
    heartbeat_jitter: float = 0.1
    # A session silent for this many intervals is ended.
    missed_heartbeats: float = 2.5
    # An agent that opened a session has this long to register.
    register_timeout_s: float = 10.0
    # Keeps the session keys of this replica; a replica that dies loses them after this long.
    lease_ttl_s: float = 5.0
    # Changes are collected this long before they are sent, so that a burst is one message.
    assignment_delay_s: float = 0.02
    # Status writes of one report that are under way at once.
    report_concurrency: int = 64
    # An agent asked for a stream has this long to open it.
    stream_timeout_s: float = 10.0

    def interval_s(self, nodes: int) -> float:
        """The heartbeat interval in a cluster of `nodes` nodes, before jitter."""
        return max(self.heartbeat_interval_s, nodes / self.heartbeats_per_s)

    def silence_s(self, nodes: int) -> float:
        """How long a session may be silent."""
        return self.interval_s(nodes) * self.missed_heartbeats

"""Which groups there are, how many of their pods have nodes, and how many must still be placed together.

Pure; fed by changes of PodGroups and pods. Source: kubernetes.io/docs/concepts/scheduling-eviction/
gang-scheduling.
"""

from collections.abc import Set
from dataclasses import dataclass, field

from knarr.api.conditions import holds
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling

SCHEDULED = "PodGroupScheduled"  # the condition that a gang has been complete once
DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What a PodGroup says. `at_least` 0: each pod by itself."""

    at_least: int
    timeout_s: float = DEFAULT_TIMEOUT_S
    was_complete: bool = False


def group_of(pod: core.Pod) -> str:
    """The PodGroup that the pod names, "namespace/name"; "" for none."""
    group = pod.spec.schedulingGroup.podGroupName
    return f"{pod.metadata.namespace}/{group}" if group else ""


def policy_of(group: scheduling.PodGroup) -> Policy:
    """The policy of a PodGroup."""
    spec = group.spec
    complete = holds(group.status.conditions, SCHEDULED)
    timeout_s = spec.scheduleTimeoutSeconds if spec.HasField("scheduleTimeoutSeconds") else DEFAULT_TIMEOUT_S
    at_least = spec.schedulingPolicy.gang.minCount if spec.schedulingPolicy.HasField("gang") else 0
    return Policy(at_least, timeout_s, complete)


@dataclass(slots=True)
class _Members:
    """The pods of one group that have a node."""

    placed: set[str] = field(default_factory=set)
    short_since: float | None = None  # it has pods, but fewer than it must, and never had enough


class Membership:
    """See the package's docstring. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}
        self._members: dict[str, _Members] = {}

    def put(self, gang: str, policy: Policy) -> None:
        """Learn of a group or of its change."""
        self._policies[gang] = policy

    def remove(self, gang: str) -> None:
        """Forget a group; its pods are still counted."""
        self._policies.pop(gang, None)

    def policy(self, gang: str) -> Policy | None:
        """None: there is no such group."""
        return self._policies.get(gang)

    def placed(self, gang: str, key: str) -> None:
        """A pod of the group has a node."""
        self._members.setdefault(gang, _Members()).placed.add(key)

    def gone(self, gang: str, key: str) -> None:
        """It has one no more."""
        members = self._members.get(gang)
        if members is not None:
            members.placed.discard(key)
            if not members.placed:
                del self._members[gang]

    def count(self, gang: str, without: Set[str] = frozenset()) -> int:
        """How many pods of the group have a node, those `without` aside."""
        members = self._members.get(gang)
        return len(members.placed - without) if members else 0

    def needs(self, gang: str) -> int | None:
        """How many waiting pods of the group must be placed at once; None: it cannot be tried, for there is
        no such group."""
        policy = self._policies.get(gang)
        return None if policy is None else max(1, policy.at_least - self.count(gang))

    def is_complete(self, gang: str) -> bool:
        """Whether as many pods as must have a node."""
        policy = self._policies.get(gang)
        return policy is not None and self.count(gang) >= policy.at_least

    def overdue(self, now: float) -> dict[str, tuple[str, ...]]:
        """gang -> the pods of each that holds nodes in vain for longer than it may. To be asked regularly: a
        gang counts as short from the first time that it is found so."""
        found: dict[str, tuple[str, ...]] = {}
        for gang, members in self._members.items():
            policy = self._policies.get(gang)
            if policy is None or policy.was_complete or len(members.placed) >= policy.at_least:
                members.short_since = None
            elif members.short_since is None:
                members.short_since = now
            elif now - members.short_since >= policy.timeout_s:
                found[gang] = tuple(sorted(members.placed))
        return found

    @property
    def any_short(self) -> bool:
        """Whether overdue() may have something to say before long."""
        return any(
            (policy := self._policies.get(gang)) is not None
            and not policy.was_complete
            and len(members.placed) < policy.at_least
            for gang, members in self._members.items()
        )

"""Decisions about an etcd cluster's upkeep: what to warn of, what to defragment, which snapshots to drop.

Pure; maintenance.py carries them out. https://etcd.io/docs/v3.4/op-guide/maintenance/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

DEFAULT_QUOTA_BYTES = 2 * 1024**3  # etcd's own default
NEAR_QUOTA = 0.8  # of the quota
WASTE_BYTES = 64 * 1024**2  # a smaller gain is not worth a member's pause
WASTE = 0.5  # of the file


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one member says of itself; sizes in bytes."""

    target: str
    member_id: int
    leader_id: int
    db_bytes: int
    db_used_bytes: int
    quota_bytes: int  # 0: not known

    @property
    def leads(self) -> bool:
        return self.member_id == self.leader_id


class Concern(Enum):
    EVEN_MEMBERS = "even number of members"
    NEAR_QUOTA = "database near its quota"
    NO_SPACE = "database full: etcd refuses writes"
    NO_LEADER = "member without a leader"
    UNREACHABLE = "member does not answer"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the operator should know, and what to do about it."""

    concern: Concern
    message: str


def findings(
    member_count: int,
    statuses: Sequence[MemberStatus],
    unreachable: Sequence[str],
    full: bool,
    quota_bytes: int,
) -> tuple[Finding, ...]:
    """All concerns. `full`: etcd has raised its NOSPACE alarm; `quota_bytes`: where members do not tell."""
    found = []
    if member_count % 2 == 0 and member_count:
        found.append(
            Finding(
                Concern.EVEN_MEMBERS,
                f"etcd has {member_count} members, which survive no more failures than {member_count - 1}: "
                f"run {member_count - 1} or {member_count + 1}",
            )
        )
    if full:
        found.append(
            Finding(
                Concern.NO_SPACE,
                "etcd's database is full and refuses writes: raise --quota-backend-bytes, or delete objects, "
                "defragment, then disarm the alarm (etcdctl alarm disarm)",
            )
        )
    for status in statuses:
        quota = status.quota_bytes or quota_bytes
        if status.db_bytes > NEAR_QUOTA * quota and not full:
            found.append(
                Finding(
                    Concern.NEAR_QUOTA,
                    f"etcd at {status.target} uses {status.db_bytes / quota:.0%} of its quota of "
                    f"{quota / 1024**3:.1f} GiB: raise --quota-backend-bytes or delete objects",
                )
            )
        if not status.leader_id:
            found.append(Finding(Concern.NO_LEADER, f"etcd at {status.target} has no leader"))
    found += [Finding(Concern.UNREACHABLE, f"etcd at {target} does not answer") for target in unreachable]
    return tuple(found)


def to_defragment(statuses: Sequence[MemberStatus]) -> tuple[MemberStatus, ...]:
    """Members whose file is mostly waste, the leader last: each stands still while it is defragmented."""
    wasteful = [
        status
        for status in statuses
        if status.db_bytes - status.db_used_bytes > max(WASTE_BYTES, WASTE * status.db_bytes)
    ]
    return tuple(sorted(wasteful, key=lambda status: status.leads))


def to_drop(snapshots: Sequence[str], kept: int) -> tuple[str, ...]:
    """Of snapshot names, which sort by age, all but the newest `kept`."""
    ordered = sorted(snapshots)
    return tuple(ordered[: max(0, len(ordered) - kept)])

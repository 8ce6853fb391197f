"""What the upkeep of etcd warns of, defragments and drops."""

from dataclasses import replace

import pytest

from control_plane.store.health import Concern, MemberStatus, findings, to_defragment, to_drop

GIB = 1024**3
MEMBER = MemberStatus("one:2379", 1, 1, GIB, GIB, 0)


@pytest.mark.parametrize(
    ("members", "status", "full", "concerns"),
    [
        pytest.param(1, MEMBER, False, [], id="healthy"),
        pytest.param(3, MEMBER, False, [], id="three members"),
        pytest.param(2, MEMBER, False, [Concern.EVEN_MEMBERS], id="two members"),
        pytest.param(1, replace(MEMBER, db_bytes=7 * GIB), False, [Concern.NEAR_QUOTA], id="near the quota"),
        pytest.param(
            1, replace(MEMBER, quota_bytes=GIB), False, [Concern.NEAR_QUOTA], id="etcd tells its quota"
        ),
        pytest.param(1, replace(MEMBER, db_bytes=8 * GIB), True, [Concern.NO_SPACE], id="full"),
        pytest.param(3, replace(MEMBER, leader_id=0), False, [Concern.NO_LEADER], id="no leader"),
    ],
)
def test_findings(members: int, status: MemberStatus, full: bool, concerns: list[Concern]) -> None:
    found = findings(members, [status], [], full, 8 * GIB)
    assert [finding.concern for finding in found] == concerns


def test_a_silent_member_is_named() -> None:
    (finding,) = findings(3, [MEMBER], ["two:2379"], False, 8 * GIB)
    assert finding.concern is Concern.UNREACHABLE
    assert "two:2379" in finding.message


def test_the_leader_is_defragmented_last_and_the_tidy_never() -> None:
    leader = replace(MEMBER, db_used_bytes=GIB // 4)
    follower = replace(leader, target="two:2379", member_id=2)
    tidy = replace(MEMBER, target="three:2379", member_id=3)
    assert to_defragment([leader, tidy, follower]) == (follower, leader)


def test_little_waste_is_left() -> None:
    assert to_defragment([replace(MEMBER, db_bytes=50 * 1024**2, db_used_bytes=0)]) == ()


def test_the_oldest_snapshots_are_dropped() -> None:
    assert to_drop(["etcd-3", "etcd-1", "etcd-2"], 2) == ("etcd-1",)
    assert to_drop(["etcd-1"], 2) == ()

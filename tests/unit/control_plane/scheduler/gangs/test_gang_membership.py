"""Who belongs to which gang, how many are missing, and who holds nodes in vain for too long."""

from control_plane.scheduler.gangs.membership import SCHEDULED, Membership, Policy, policy_of
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling

GANG = "default/train"


def group(conditions: list[dict[str, str]] | None = None, **spec: object) -> scheduling.PodGroup:
    return from_dict({"spec": spec, "status": {"conditions": conditions or []}}, scheduling.PodGroup)


def test_policies() -> None:
    gang = {"gang": {"minCount": 4}}
    assert policy_of(group(schedulingPolicy=gang)) == Policy(4, 60.0)
    assert policy_of(group(schedulingPolicy={"basic": {}})).at_least == 0
    assert policy_of(group(schedulingPolicy=gang, scheduleTimeoutSeconds=5)).timeout_s == 5.0
    done = [{"type": SCHEDULED, "status": "True"}]
    assert policy_of(group(done, schedulingPolicy=gang)).was_complete


def test_needs_are_what_is_missing() -> None:
    membership = Membership()
    assert membership.needs(GANG) is None
    membership.put(GANG, Policy(3))
    assert membership.needs(GANG) == 3
    assert not membership.is_complete(GANG)
    for number in range(2):
        membership.placed(GANG, f"default/w{number}")
    assert membership.needs(GANG) == 1
    membership.placed(GANG, "default/w1")
    assert membership.count(GANG) == 2
    membership.placed(GANG, "default/w2")
    assert membership.is_complete(GANG)
    assert membership.needs(GANG) == 1  # one more may come by itself
    membership.gone(GANG, "default/w2")
    membership.gone(GANG, "default/never-there")
    assert membership.count(GANG) == 2
    membership.remove(GANG)
    assert membership.needs(GANG) is None
    assert membership.count(GANG) == 2


def test_a_short_gang_is_overdue_only_after_its_time() -> None:
    membership = Membership()
    membership.put(GANG, Policy(3, timeout_s=10))
    assert not membership.any_short
    membership.placed(GANG, "default/w0")
    assert membership.any_short
    assert membership.overdue(100.0) == {}
    assert membership.overdue(109.0) == {}
    assert membership.overdue(110.0) == {GANG: ("default/w0",)}


def test_completeness_stops_the_clock_and_is_remembered() -> None:
    membership = Membership()
    membership.put(GANG, Policy(2, timeout_s=10))
    membership.placed(GANG, "default/w0")
    assert membership.overdue(0.0) == {}
    membership.placed(GANG, "default/w1")
    assert membership.overdue(20.0) == {}
    membership.gone(GANG, "default/w1")
    assert membership.overdue(25.0) == {}  # counts anew
    assert membership.overdue(35.0) == {GANG: ("default/w0",)}
    membership.put(GANG, Policy(2, timeout_s=10, was_complete=True))
    assert membership.overdue(60.0) == {}
    assert not membership.any_short

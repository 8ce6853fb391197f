"""When a lease may be taken, and what it says then."""

import pytest

from knarr.client.leading import Observed, is_free, taken
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination


def lease(holder: str = "", seconds: int = 15) -> coordination.Lease:
    spec = coordination.LeaseSpec(holderIdentity=holder, leaseDurationSeconds=seconds)
    return coordination.Lease(spec=spec)


@pytest.mark.parametrize(
    ("observed", "free"),
    [
        pytest.param(Observed(lease(), 100.0), True, id="nobody's"),
        pytest.param(Observed(lease("me"), 100.0), True, id="our own"),
        pytest.param(Observed(lease("you"), 100.0), False, id="another's, changed just now"),
        pytest.param(Observed(lease("you"), 85.0), False, id="another's, at its end"),
        pytest.param(Observed(lease("you"), 84.9), True, id="another's, not renewed"),
        pytest.param(Observed(lease("you", 60), 50.0), False, id="another's, who has it for longer"),
    ],
)
def test_who_may_take_it(observed: Observed, free: bool) -> None:
    assert is_free(observed, 100.0, "me", 15) == free


def test_what_a_taken_lease_says() -> None:
    first = taken(lease(), "me", 1000.25, 15)
    assert (first.spec.holderIdentity, first.spec.leaseDurationSeconds) == ("me", 15)
    assert (first.spec.acquireTime.seconds, first.spec.acquireTime.nanos) == (1000, 250_000_000)
    assert first.spec.leaseTransitions == 0
    renewed = taken(first, "me", 1002.0, 15)
    assert (renewed.spec.acquireTime.seconds, renewed.spec.renewTime.seconds) == (1000, 1002)
    assert renewed.spec.leaseTransitions == 0
    assert taken(renewed, "you", 1020.0, 15).spec.leaseTransitions == 1

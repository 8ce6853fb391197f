"""Results that are remembered by message: bounded, and never of another message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api.errors import DecodeError
from knarr.api.kinds import POD
from knarr.api.normal import normalise
from knarr.api.recent import JUDGED, LARGEST_BYTES, PASSED, Recent
from knarr.api.support import check_support
from knarr.proto.kubernetes import core_v1_pb2 as core


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers()), max_size=40))
def test_the_newest_results_are_known_and_no_more_than_the_bound(puts: list[tuple[bytes, int]]) -> None:
    recent = Recent[int](most=4)
    last: dict[bytes, int] = {}
    for key, result in puts:
        recent.put(key, result)
        last[key] = result
    # Newest first: what is asked for counts as new.
    known = {key: recent.get(key) for key in reversed(last) if recent.get(key) is not None}
    assert len(known) <= 4
    assert all(last[key] == result for key, result in known.items())
    if puts:
        assert recent.get(puts[-1][0]) == puts[-1][1]


def test_what_is_asked_for_again_is_not_forgotten() -> None:
    recent = Recent[int](most=4)
    recent.put(b"kept", 1)
    for number in range(100):
        recent.put(bytes([number]), number)
        assert recent.get(b"kept") == 1
    assert recent.get(bytes([0])) is None


def test_equal_messages_have_one_key_and_large_ones_none() -> None:
    recent = Recent[bool]()
    one, other = core.PodSpec(nodeName="a"), core.PodSpec(nodeName="b")
    assert recent.key(one) == recent.key(core.PodSpec(nodeName="a")) != recent.key(other)
    large = core.PodSpec(nodeName="x" * LARGEST_BYTES)
    assert recent.key(large) == b""
    recent.put(recent.key(large), True)
    assert recent.get(recent.key(core.PodSpec(nodeName="y" * LARGEST_BYTES))) is None


def test_messages_that_never_come_again_are_passed_over_until_some_do() -> None:
    recent = Recent[int]()

    def keys(specs: list[core.PodSpec]) -> int:
        """For how many of them the memory was asked."""
        asked = 0
        for spec in specs:
            key = recent.key(spec)
            asked += bool(key)
            if recent.get(key) is None:
                recent.put(key, 1)
        return asked

    others = [core.PodSpec(nodeName=str(number)) for number in range(10 * (JUDGED + PASSED))]
    assert keys(others) == 10 * JUDGED
    same = [core.PodSpec(nodeName="same")] * 10_000
    assert keys(same) >= 10_000 - PASSED


def test_what_was_found_normal_is_so_again_and_what_was_not_is_mended_each_time() -> None:
    for _ in range(3):
        pod = _pod("1000m")
        assert normalise(pod) == ()
        assert pod.spec.containers[0].resources.requests["cpu"].string == "1"
    for _ in range(3):
        again = _pod("1")
        assert normalise(again) == ()
        assert again == _pod("1")


def test_a_fault_is_found_each_time_at_its_own_path() -> None:
    for _ in range(3):
        with pytest.raises(DecodeError) as caught:
            normalise(_pod("much"))
        (problem,) = caught.value.problems
        assert problem.path == "spec.containers[0].resources.requests[cpu]"


def test_unsupported_fields_are_found_each_time() -> None:
    for _ in range(3):
        assert check_support(POD, core.Pod(spec=core.PodSpec(schedulerName="default-scheduler"))) == ((), ())
        causes, _ = check_support(POD, core.Pod(spec=core.PodSpec(hostPID=True)))
        assert [cause.field for cause in causes] == ["spec.hostPID"]


def _pod(cpu: str) -> core.Pod:
    pod = core.Pod(spec=core.PodSpec(containers=[core.Container(name="main")]))
    pod.spec.containers[0].resources.requests["cpu"].string = cpu
    return pod

"""Results that are remembered by message: bounded, and never of another message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api.errors import DecodeError
from knarr.api.kinds import POD
from knarr.api.normal import normalise
from knarr.api.recent import LARGEST_BYTES, Recent, key_of
from knarr.api.support import check_support
from knarr.proto.kubernetes import core_v1_pb2 as core


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers()), max_size=40))
def test_the_newest_results_are_known_and_no_more_than_the_bound(puts: list[tuple[bytes, int]]) -> None:
    recent = Recent[int](most=4)
    last: dict[bytes, int] = {}
    for key, result in puts:
        recent.put(key, result)
        last[key] = result
    known = {key: recent.get(key) for key in last if recent.get(key) is not None}
    assert len(known) <= 4
    assert all(last[key] == result for key, result in known.items())
    if puts:
        assert recent.get(puts[-1][0]) == puts[-1][1]


def test_equal_messages_have_one_key_and_large_ones_none() -> None:
    one, other = core.PodSpec(nodeName="a"), core.PodSpec(nodeName="b")
    assert key_of(one) == key_of(core.PodSpec(nodeName="a")) != key_of(other)
    large = core.PodSpec(nodeName="x" * LARGEST_BYTES)
    assert key_of(large) == b""
    recent = Recent[bool]()
    recent.put(key_of(large), True)
    assert recent.get(key_of(core.PodSpec(nodeName="y" * LARGEST_BYTES))) is None


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

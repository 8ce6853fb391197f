"""What a pod asks for in all, exactly and in whole numbers."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api.codec import from_dict
from knarr.api.pod_amounts import Part, exact, pod_total
from knarr.api.quantity import parse
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NAMES = ("cpu", "memory", "example.com/gpu")
lists = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9).map(str), max_size=3)


def whole(listed: Mapping[str, meta.Quantity]) -> dict[str, int]:
    return {name: parse(listed[name].string).ceil() for name in listed}


def containers(sidecars: st.SearchStrategy[bool]) -> st.SearchStrategy[list[dict[str, Any]]]:
    def made(requests: dict[str, str], limits: dict[str, str], sidecar: bool) -> dict[str, Any]:
        always = {"restartPolicy": "Always"} if sidecar else {}
        return {"name": "c", "resources": {"requests": requests, "limits": limits}, **always}

    return st.lists(st.builds(made, lists, lists, sidecars), max_size=4)


def spec_of(spec: dict[str, Any]) -> core.PodSpec:
    return from_dict({"spec": spec}, core.Pod).spec


@given(containers(st.just(False)), containers(st.booleans()), lists, st.sampled_from(["requests", "limits"]))
def test_the_moment_counts_in_which_most_runs_together(
    running: list[dict[str, Any]], starting: list[dict[str, Any]], overhead: dict[str, str], part: Part
) -> None:
    spec = spec_of({"containers": running, "initContainers": starting, "overhead": overhead})
    moments = [[*running, *(one for one in starting if "restartPolicy" in one)]]
    for number, one in enumerate(starting):
        moments.append([*(each for each in starting[:number] if "restartPolicy" in each), one])
    said = {name for moment in moments for one in moment for name in one["resources"][part]}
    expected = {
        name: max(sum(int(one["resources"][part].get(name, 0)) for one in moment) for moment in moments)
        for name in said
    }
    for name, more in overhead.items():
        if part == "requests" or name in said:
            expected[name] = expected.get(name, 0) + int(more)
    assert pod_total(spec, part, whole) == expected
    assert {name: value.ceil() for name, value in pod_total(spec, part, exact).items()} == expected


def asking(**requests: str) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": requests, "limits": requests}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [("requests", {"cpu": "350m", "memory": "5Mi"}), ("limits", {"cpu": "350m"})],
)
def test_what_the_whole_pod_says_stands_for_its_containers_and_overhead_comes_on_top(
    part: Part, expected: dict[str, str]
) -> None:
    spec = spec_of(
        {
            "containers": [asking(cpu="100m"), asking(cpu="100m")],
            "resources": {"requests": {"cpu": "300m"}, "limits": {"cpu": "300m"}},
            "overhead": {"cpu": "50m", "memory": "5Mi"},
        }
    )
    assert {name: str(value) for name, value in pod_total(spec, part, exact).items()} == expected


def test_defaults_stand_for_what_a_container_does_not_name_and_stay_as_they_are() -> None:
    defaults = {"cpu": 10, "memory": 7}
    spec = spec_of(
        {
            "containers": [asking(cpu="1"), asking()],
            "initContainers": [{**asking(memory="2"), "restartPolicy": "Always"}, asking(cpu="3")],
        }
    )
    assert pod_total(spec, "requests", whole, defaults) == {"cpu": 21, "memory": 16}
    assert defaults == {"cpu": 10, "memory": 7}


def test_a_pod_that_asks_for_nothing() -> None:
    assert pod_total(spec_of({"containers": [asking()]}), "limits", exact) == {}

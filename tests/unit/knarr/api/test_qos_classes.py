"""The quality of service class of a pod."""

import pytest

from knarr.api.qos import qos_class
from knarr.proto.kubernetes import core_v1_pb2 as core


def container(requests: dict[str, str], limits: dict[str, str]) -> core.Container:
    made = core.Container()
    for name, amount in requests.items():
        made.resources.requests[name].string = amount
    for name, amount in limits.items():
        made.resources.limits[name].string = amount
    return made


BOTH = {"cpu": "1", "memory": "1Gi"}
QOS_CASES = {
    "nothing said": ([({}, {})], "BestEffort"),
    "only other resources": ([({"example.com/gpu": "1"}, {"example.com/gpu": "1"})], "BestEffort"),
    "equal": ([(BOTH, BOTH)], "Guaranteed"),
    "limits alone": ([({}, BOTH)], "Guaranteed"),
    "one below its limit": ([({**BOTH, "cpu": "500m"}, BOTH)], "Burstable"),
    "no memory limit": ([(BOTH, {"cpu": "1"})], "Burstable"),
    "one container of two": ([(BOTH, BOTH), ({}, {})], "Burstable"),
    "one amount in two ways": ([({**BOTH, "cpu": "1000m"}, BOTH)], "Guaranteed"),
    "a request of nothing": ([({"cpu": "0"}, {})], "BestEffort"),
    "a limit of nothing": ([({}, {"cpu": "0", "memory": "1Gi"})], "Burstable"),
}


@pytest.mark.parametrize(("containers", "wanted"), QOS_CASES.values(), ids=QOS_CASES)
def test_quality_of_service(containers: list[tuple[dict[str, str], dict[str, str]]], wanted: str) -> None:
    spec = core.PodSpec(containers=[container(*each) for each in containers])
    assert qos_class(spec) == wanted


def test_init_containers_count_too() -> None:
    spec = core.PodSpec(containers=[container(BOTH, BOTH)], initContainers=[container({}, {})])
    assert qos_class(spec) == "Burstable"

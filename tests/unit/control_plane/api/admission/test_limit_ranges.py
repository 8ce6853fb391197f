"""What limit ranges fill into pods, and what they refuse."""

from typing import Any

import pytest

from control_plane.api.admission.limits import ANNOTATION, check_limits, fill_limits
from knarr.api import codec, kinds
from knarr.errors import Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import container, create, limit_range, made, pod_of
from tests.support.api import OPTIONS, api_world

DEFAULTS = {
    "type": "Container",
    "default": {"cpu": "500m", "memory": "256Mi"},
    "defaultRequest": {"cpu": "100m"},
}


def resources_of(pod: core.Pod, index: int = 0) -> dict[str, Any]:
    return codec.to_dict(pod.spec.containers[index].resources)


def test_what_a_container_lacks_is_filled_in_and_noted() -> None:
    pod = pod_of("p", container("a"), container("b", requests={"cpu": "50m"}, limits={"memory": "1Gi"}))
    fill_limits(pod, [limit_range(DEFAULTS)])
    assert resources_of(pod) == {
        "limits": {"cpu": "500m", "memory": "256Mi"},
        "requests": {"cpu": "100m"},
    }
    assert resources_of(pod, 1) == {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "50m"}}
    assert pod.metadata.annotations[ANNOTATION] == (
        "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; "
        "cpu limit for container b"
    )


def test_init_containers_are_filled_too_and_full_ones_are_left_alone() -> None:
    full = container("a", requests={"cpu": "1"}, limits={"cpu": "1", "memory": "1Gi"})
    pod = pod_of("p", full, initContainers=[container("i", **full["resources"])])
    fill_limits(pod, [limit_range(DEFAULTS)])
    assert ANNOTATION not in pod.metadata.annotations
    pod = pod_of("p", full, initContainers=[container("i")])
    fill_limits(pod, [limit_range(DEFAULTS)])
    assert pod.metadata.annotations[ANNOTATION] == (
        "LimitRanger plugin set: cpu request for init container i; cpu, memory limit for init container i"
    )


def item(type_: str, **bounds: dict[str, str]) -> dict[str, Any]:
    return {"type": type_, **bounds}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "within": (
        item("Container", min={"cpu": "100m"}, max={"cpu": "1"}),
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
        "",
    ),
    "no request": (
        item("Container", min={"memory": "1Gi"}),
        {},
        "minimum memory usage per Container is 1Gi.  No request is specified",
    ),
    "request below": (
        item("Container", min={"cpu": "200m"}),
        {"requests": {"cpu": "100m"}},
        "minimum cpu usage per Container is 200m, but request is 100m",
    ),
    "limit below": (
        item("Container", min={"cpu": "200m"}),
        {"requests": {"cpu": "200m"}, "limits": {"cpu": "150m"}},
        "minimum cpu usage per Container is 200m, but limit is 150m",
    ),
    "no limit": (
        item("Container", max={"cpu": "1"}),
        {"requests": {"cpu": "1"}},
        "maximum cpu usage per Container is 1.  No limit is specified",
    ),
    "limit above": (
        item("Container", max={"cpu": "1"}),
        {"limits": {"cpu": "1500m"}},
        "maximum cpu usage per Container is 1, but limit is 1500m",
    ),
    "request above": (
        item("Container", max={"cpu": "1"}),
        {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
        "maximum cpu usage per Container is 1, but request is 2",
    ),
    "ratio": (
        item("Container", maxLimitRequestRatio={"cpu": "1500m"}),
        {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}},
        "cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000",
    ),
    "ratio kept": (
        item("Container", maxLimitRequestRatio={"cpu": "2"}),
        {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}},
        "",
    ),
    "ratio without a request": (
        item("Container", maxLimitRequestRatio={"cpu": "2"}),
        {"limits": {"cpu": "1"}},
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ),
    "ratio without a limit": (
        item("Container", maxLimitRequestRatio={"cpu": "2"}),
        {"requests": {"cpu": "1"}},
        "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
    ),
    "several": (
        item("Container", max={"cpu": "1", "memory": "1Gi"}),
        {"limits": {"cpu": "2"}},
        "[maximum cpu usage per Container is 1, but limit is 2, "
        "maximum memory usage per Container is 1Gi.  No limit is specified]",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bounds_of_containers(case: str) -> None:
    bounds, resources, expected = CASES[case]
    pod = pod_of("p", container("c", **resources))
    if not expected:
        check_limits(kinds.POD, pod, [limit_range(bounds)])
        return
    with pytest.raises(Forbidden) as refused:
        check_limits(kinds.POD, pod, [limit_range(bounds)])
    assert refused.value.message == f'pods "p" is forbidden: {expected}'


def test_a_whole_pod_is_bounded_by_the_sum_or_by_what_its_start_needs() -> None:
    bounds = limit_range(item("Pod", max={"cpu": "2"}))
    half = {"limits": {"cpu": "800m"}}
    check_limits(kinds.POD, pod_of("p", container("a", **half), container("b", **half)), [bounds])
    large = container("i", limits={"cpu": "3"})
    with pytest.raises(Forbidden, match="maximum cpu usage per Pod is 2, but limit is 3"):
        check_limits(kinds.POD, pod_of("p", container("a", **half), initContainers=[large]), [bounds])
    sidecar = {**container("s", limits={"cpu": "1500m"}), "restartPolicy": "Always"}
    with pytest.raises(Forbidden, match="but limit is 2300m"):
        check_limits(kinds.POD, pod_of("p", container("a", **half), initContainers=[sidecar]), [bounds])


def claim(storage: str) -> core.PersistentVolumeClaim:
    return made(
        core.PersistentVolumeClaim,
        "data",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
    )


@pytest.mark.parametrize(
    ("storage", "why"),
    [
        ("1Gi", "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi"),
        ("9Gi", "maximum storage usage per PersistentVolumeClaim is 8Gi, but request is 9Gi"),
        ("4Gi", ""),
    ],
)
def test_bounds_of_claims(storage: str, why: str) -> None:
    bounds = limit_range(item("PersistentVolumeClaim", min={"storage": "2Gi"}, max={"storage": "8Gi"}))
    if not why:
        check_limits(kinds.PERSISTENT_VOLUME_CLAIM, claim(storage), [bounds])
        return
    with pytest.raises(Forbidden) as refused:
        check_limits(kinds.PERSISTENT_VOLUME_CLAIM, claim(storage), [bounds])
    assert refused.value.message == f'persistentvolumeclaims "data" is forbidden: {why}'


async def test_the_api_fills_and_refuses_and_lets_pods_be_that_were_there_before() -> None:
    async with api_world() as world:
        before = await create(world, pod_of("before"))
        await create(world, limit_range(DEFAULTS, item("Pod", max={"cpu": "1"})))
        filled = await create(world, pod_of("filled"))
        assert filled.status.qosClass == "Burstable"
        assert resources_of(filled)["requests"] == {"cpu": "100m", "memory": "256Mi"}
        with pytest.raises(Forbidden, match="maximum cpu usage per Pod is 1, but limit is 1500m"):
            await create(world, pod_of("large", *(container(name) for name in "abc")))
        before.metadata.labels["a"] = "b"
        await world.api.update(kinds.POD, "default", before, OPTIONS)


async def test_a_changed_claim_stays_in_its_bounds() -> None:
    async with api_world() as world:
        await create(world, limit_range(item("PersistentVolumeClaim", max={"storage": "8Gi"})))
        stored = await create(world, claim("4Gi"))
        stored.status.phase = "Bound"
        await world.api.update_status(kinds.PERSISTENT_VOLUME_CLAIM, "default", stored, OPTIONS)
        stored.metadata.resourceVersion = ""
        stored.spec.resources.requests["storage"].string = "9Gi"
        with pytest.raises(Forbidden, match="maximum storage usage"):
            await world.api.update(kinds.PERSISTENT_VOLUME_CLAIM, "default", stored, OPTIONS)

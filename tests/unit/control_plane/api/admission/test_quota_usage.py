"""How much objects use, which quotas cover them, and what quotas refuse."""

from typing import Any

import pytest

from control_plane.api.admission.quotas import Account, Change, usage_of
from control_plane.api.admission.quotas.scopes import covers
from control_plane.api.admission.quotas.usage import may_count
from knarr.api import kinds
from knarr.api.kinds import KINDS, Kind
from knarr.errors import Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import claim, container, made, pod_of, quota, service

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m"}}


def used(kind: Kind, obj: Any) -> dict[str, str]:
    return {name: str(amount) for name, amount in usage_of(kind, obj).items()}


def test_a_pod_uses_the_sum_of_its_containers_and_what_its_start_needs() -> None:
    pod = pod_of(
        "p",
        container("a", **SMALL),
        container("b", requests={"nvidia.com/gpu": "1"}, limits={"nvidia.com/gpu": "1", "memory": "1Gi"}),
        initContainers=[container("i", requests={"cpu": "1", "hugepages-2Mi": "4Mi"})],
    )
    assert used(kinds.POD, pod) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "1",
        "requests.cpu": "1",
        "memory": "64Mi",
        "requests.memory": "64Mi",
        "limits.cpu": "200m",
        "limits.memory": "1Gi",
        "requests.nvidia.com/gpu": "1",
        "hugepages-2Mi": "4Mi",
        "requests.hugepages-2Mi": "4Mi",
    }


def test_a_pod_that_has_ended_uses_its_place_alone() -> None:
    pod = pod_of("p", container(**SMALL))
    pod.status.phase = "Succeeded"
    assert used(kinds.POD, pod) == {"count/pods": "1"}


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        ({"type": "ClusterIP"}, {}),
        ({"type": "NodePort"}, {"services.nodeports": "2"}),
        ({"type": "LoadBalancer"}, {"services.nodeports": "2", "services.loadbalancers": "1"}),
        (
            {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False},
            {"services.loadbalancers": "1"},
        ),
    ],
)
def test_services(spec: dict[str, Any], more: dict[str, str]) -> None:
    found = service("s", 80, 443, **spec)
    if spec["type"] == "LoadBalancer" and "allocateLoadBalancerNodePorts" not in spec:
        found.spec.allocateLoadBalancerNodePorts = True
    assert used(kinds.SERVICE, found) == {"count/services": "1", "services": "1", **more}


def test_claims_use_storage_in_all_and_of_their_class() -> None:
    assert used(kinds.PERSISTENT_VOLUME_CLAIM, claim("d", "5Gi", storageClassName="fast")) == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "5Gi",
        "fast.storageclass.storage.k8s.io/requests.storage": "5Gi",
        "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.namespaced], ids=str)
def test_every_kind_is_counted_but_events(kind: Kind) -> None:
    obj = made(kind.message, "x")
    found = usage_of(kind, obj)
    if kind is kinds.EVENT:
        assert found == {}
        return
    assert str(found[f"count/{kind.plural}{'.' + kind.group if kind.group else ''}"]) == "1"
    assert all(may_count(kind, [name]) for name in found)
    assert not may_count(kind, ["count/others"])


PLAIN = pod_of("p")
BURSTABLE = pod_of("p", container(**SMALL))
URGENT = pod_of("p", priorityClassName="high")
SHORT = pod_of("p", activeDeadlineSeconds=5)
TERM = {"topologyKey": "zone", "namespaces": ["other"]}
REACHING = pod_of(
    "p", affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}
)


@pytest.mark.parametrize(
    ("scope", "covered", "passed"),
    [
        ("Terminating", SHORT, PLAIN),
        ("NotTerminating", PLAIN, SHORT),
        ("BestEffort", PLAIN, BURSTABLE),
        ("NotBestEffort", BURSTABLE, PLAIN),
        ("PriorityClass", URGENT, PLAIN),
        ("CrossNamespacePodAffinity", REACHING, PLAIN),
    ],
)
def test_scopes(scope: str, covered: core.Pod, passed: core.Pod) -> None:
    expression = {"scopeName": scope, "operator": "Exists"}
    for one in (
        quota("q", {"pods": "1"}, scopes=[scope]),
        quota("q", {"pods": "1"}, scopeSelector={"matchExpressions": [expression]}),
    ):
        assert covers(one, covered)
        assert not covers(one, passed)
        assert not covers(one, core.Service())


@pytest.mark.parametrize(
    ("operator", "values", "covered"),
    [
        ("In", ["high"], [True, False]),
        ("In", ["low"], [False, False]),
        ("NotIn", ["high"], [False, True]),
        ("DoesNotExist", [], [False, True]),
    ],
)
def test_scopes_by_priority_class(operator: str, values: list[str], covered: list[bool]) -> None:
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    one = quota("q", {"pods": "1"}, scopeSelector={"matchExpressions": [expression]})
    assert [covers(one, URGENT), covers(one, PLAIN)] == covered


def account(used: dict[str, str], hard: dict[str, str]) -> Account:
    found = quota("q", hard)
    for name, amount in used.items():
        found.status.used[name].string = amount
    return Account(found, 64)


def test_what_exceeds_is_told_as_kubernetes_tells_it() -> None:
    one = account({"pods": "2", "requests.cpu": "950m"}, {"pods": "2", "requests.cpu": "1"})
    change = Change(kinds.POD, None, pod_of("p", container(requests={"cpu": "100m"})))
    with pytest.raises(Forbidden) as refused:
        one.check(change, one.owed(change))
    assert refused.value.message == (
        'pods "p" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=100m, '
        "used: pods=2,requests.cpu=950m, limited: pods=2,requests.cpu=1"
    )


def test_what_a_quota_counts_must_be_said() -> None:
    one = account({}, {"limits.cpu": "1", "requests.memory": "1Gi"})
    change = Change(kinds.POD, None, pod_of("p", container("b"), container("a", **SMALL)))
    with pytest.raises(Forbidden) as refused:
        one.check(change, one.owed(change))
    assert refused.value.message == (
        'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: b; requests.memory for: b'
    )


def test_a_change_owes_the_difference_and_giving_back_is_never_refused() -> None:
    one = account({"requests.storage": "9Gi"}, {"requests.storage": "5Gi"})
    small, large = claim("d", "1Gi"), claim("d", "3Gi")
    grown = Change(kinds.PERSISTENT_VOLUME_CLAIM, small, large)
    assert {name: str(amount) for name, amount in one.owed(grown).items()} == {"requests.storage": "2Gi"}
    with pytest.raises(Forbidden, match=r"requested: requests\.storage=2Gi, used: requests\.storage=9Gi"):
        one.check(grown, one.owed(grown))
    shrunk = Change(kinds.PERSISTENT_VOLUME_CLAIM, large, small)
    one.check(shrunk, one.owed(shrunk))
    one.charge(one.owed(shrunk))
    assert str(one.message().status.used["requests.storage"].string) == "7Gi"
    assert not one.owed(Change(kinds.PERSISTENT_VOLUME_CLAIM, small, small))


def test_a_pod_that_the_server_names_is_told_by_the_beginning_of_its_name() -> None:
    """So that what is told does not change from try to try."""
    one = account({"pods": "1"}, {"pods": "1"})
    pod = pod_of("web-x7k2p")
    pod.metadata.generateName = "web-"
    change = Change(kinds.POD, None, pod)
    with pytest.raises(Forbidden, match=r'^pods "web-" is forbidden: exceeded quota'):
        one.check(change, one.owed(change))

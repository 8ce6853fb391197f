"""Pods and pod specs: defaults, refusals, and what may change."""

from collections.abc import Callable
from typing import Any

import pytest

from control_plane.api.rules import causes as say
from control_plane.api.rules import default_object, validate_create, validate_status_update, validate_update
from knarr.api.codec import from_dict
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core

Change = Callable[[core.Pod], None]


def pod(**spec: Any) -> core.Pod:
    document = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "image": "nginx:1",
                    "ports": [{"containerPort": 80}],
                    "resources": {"limits": {"cpu": "1"}},
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    "livenessProbe": {"httpGet": {"port": 80}},
                }
            ],
            "volumes": [{"name": "v"}],
            **spec,
        },
    }
    result = from_dict(document, core.Pod)
    default_object(POD, result)
    return result


def wrong(obj: core.Pod) -> list[tuple[str, str]]:
    return [(cause.field, cause.reason) for cause in validate_create(POD, obj)]


def test_defaults() -> None:
    spec = pod().spec
    container = spec.containers[0]
    assert (spec.restartPolicy, spec.dnsPolicy, spec.schedulerName) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    assert (spec.terminationGracePeriodSeconds, spec.enableServiceLinks) == (30, True)
    assert spec.HasField("securityContext")
    assert spec.volumes[0].volumeSource.HasField("emptyDir")
    assert container.imagePullPolicy == "IfNotPresent"
    assert container.ports[0].protocol == "TCP"
    assert container.resources.requests["cpu"].string == "1"
    probe = container.livenessProbe
    assert (probe.handler.httpGet.path, probe.handler.httpGet.scheme) == ("/", "HTTP")
    assert (probe.timeoutSeconds, probe.periodSeconds, probe.successThreshold, probe.failureThreshold) == (
        1,
        10,
        1,
        3,
    )


def test_with_the_hosts_network_ports_are_host_ports() -> None:
    assert pod(hostNetwork=True).spec.containers[0].ports[0].hostPort == 80


def test_amounts_finer_than_a_thousandth_are_rounded_up() -> None:
    obj = pod(containers=[{"name": "a", "image": "i", "resources": {"limits": {"cpu": "1500u"}}}])
    assert obj.spec.containers[0].resources.limits["cpu"].string == "2m"


def test_a_good_pod_is_accepted() -> None:
    assert validate_create(POD, pod()) == []


CONTAINER = {"name": "a", "image": "i"}
INIT = {"name": "p", "image": "i"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": []}, [("spec.containers", say.REQUIRED)]),
        (
            {"containers": [CONTAINER, CONTAINER]},
            [("spec.containers[1].name", say.DUPLICATE)],
        ),
        (
            {"initContainers": [{**INIT, "name": "a"}]},
            [("spec.initContainers[0].name", say.DUPLICATE)],
        ),
        (
            {"containers": [{**CONTAINER, "volumeMounts": [{"name": "w", "mountPath": "/w"}]}]},
            [("spec.containers[0].volumeMounts[0].name", say.NOT_FOUND)],
        ),
        (
            {"volumes": [{"name": "v"}, {"name": "v"}]},
            [("spec.volumes[1].name", say.DUPLICATE)],
        ),
        (
            {"volumes": [{"name": "v", "secret": {}}]},
            [
                ("spec.volumes[0].secret.secretName", say.REQUIRED),
                ("spec.containers[0].volumeMounts[0].name", say.NOT_FOUND),
            ],
        ),
        (
            {"volumes": [{"name": "v", "hostPath": {"path": "/a"}, "emptyDir": {}}]},
            [
                ("spec.volumes[0].hostPath", say.FORBIDDEN),
                ("spec.containers[0].volumeMounts[0].name", say.NOT_FOUND),
            ],
        ),
        (
            {"containers": [{**CONTAINER, "envFrom": [{"prefix": "A_"}]}]},
            [("spec.containers[0].envFrom", say.INVALID)],
        ),
        (
            {"hostAliases": [{"ip": "1.2.3", "hostnames": ["A_b"]}]},
            [("spec.hostAliases.ip", say.INVALID), ("spec.hostAliases.hostnames", say.INVALID)],
        ),
        ({"restartPolicy": "always"}, [("spec.restartPolicy", say.NOT_SUPPORTED)]),
        ({"dnsPolicy": "None"}, [("spec.dnsConfig", say.REQUIRED)]),
        (
            {"initContainers": [{**INIT, "livenessProbe": {"exec": {"command": ["x"]}}}]},
            [("spec.initContainers[0].livenessProbe", say.INVALID)],
        ),
        ({"tolerations": [{"operator": "Equal"}]}, [("spec.tolerations[0].operator", say.INVALID)]),
        (
            {"containers": [{**CONTAINER, "image": " i"}]},
            [("spec.containers[0].image", say.INVALID)],
        ),
        (
            {"schedulingGates": [{"name": "ex.com/a"}], "nodeName": "n"},
            [("spec.nodeName", say.FORBIDDEN)],
        ),
    ],
)
def test_refusals(spec: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert wrong(pod(**spec)) == expected


def test_sidecars_may_have_probes() -> None:
    sidecar = {**INIT, "restartPolicy": "Always", "startupProbe": {"exec": {"command": ["x"]}}}
    assert wrong(pod(initContainers=[sidecar])) == []


def test_ephemeral_containers_are_not_created() -> None:
    assert ("spec.ephemeralContainers", say.FORBIDDEN) in wrong(
        pod(ephemeralContainers=[{"name": "debug", "image": "i"}])
    )


def update(before: core.Pod, change: Change) -> list[tuple[str, str]]:
    before.metadata.resourceVersion = "1"
    after = core.Pod()
    after.CopyFrom(before)
    change(after)
    return [(cause.field, cause.reason) for cause in validate_update(POD, after, before)]


def set_image(obj: core.Pod) -> None:
    obj.spec.containers[0].image = "nginx:2"


def set_deadline(obj: core.Pod) -> None:
    obj.spec.activeDeadlineSeconds = 5


def add_toleration(obj: core.Pod) -> None:
    obj.spec.tolerations.add(operator="Exists")


def narrow(obj: core.Pod) -> None:
    obj.spec.nodeSelector["disk"] = "ssd"


def open_gate(obj: core.Pod) -> None:
    del obj.spec.schedulingGates[:]


def set_node(obj: core.Pod) -> None:
    obj.spec.nodeName = "n1"


@pytest.mark.parametrize("change", [set_image, set_deadline, add_toleration])
def test_a_pod_may_change_in(change: Change) -> None:
    assert update(pod(), change) == []


@pytest.mark.parametrize("change", [narrow, open_gate])
def test_a_gated_pod_may_change_in(change: Change) -> None:
    assert update(pod(schedulingGates=[{"name": "ex.com/a"}]), change) == []


@pytest.mark.parametrize("change", [narrow, set_node])
def test_a_pod_may_not_change_in(change: Change) -> None:
    assert update(pod(), change) == [("spec", say.FORBIDDEN)]


def test_tolerations_are_only_added() -> None:
    def drop(obj: core.Pod) -> None:
        del obj.spec.tolerations[:]

    before = pod(tolerations=[{"key": "a", "operator": "Exists"}])
    assert update(before, drop) == [("spec.tolerations", say.FORBIDDEN)]


def test_a_gate_is_not_added_and_a_selector_does_not_widen() -> None:
    def widen(obj: core.Pod) -> None:
        obj.spec.schedulingGates.add(name="ex.com/b")
        del obj.spec.nodeSelector["disk"]

    before = pod(schedulingGates=[{"name": "ex.com/a"}], nodeSelector={"disk": "ssd"})
    assert update(before, widen) == [
        ("spec.schedulingGates", say.FORBIDDEN),
        ("spec.nodeSelector", say.INVALID),
        ("spec", say.FORBIDDEN),
    ]


def test_a_gated_pods_affinity_only_narrows() -> None:
    def term(*keys: str) -> dict[str, Any]:
        expressions = [{"key": key, "operator": "Exists"} for key in keys]
        terms = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}

    gates = [{"name": "ex.com/a"}]
    before, narrower = pod(schedulingGates=gates, affinity=term("a")), pod(affinity=term("a", "b"))
    other = pod(affinity=term("b"))

    assert update(before, lambda obj: obj.spec.affinity.CopyFrom(narrower.spec.affinity)) == []
    assert (
        update(pod(schedulingGates=gates), lambda obj: obj.spec.affinity.CopyFrom(other.spec.affinity)) == []
    )
    assert [
        reason for _, reason in update(before, lambda obj: obj.spec.affinity.CopyFrom(other.spec.affinity))
    ] == [say.INVALID]


def test_containers_are_neither_added_nor_removed() -> None:
    def more(obj: core.Pod) -> None:
        added = obj.spec.containers.add()
        added.CopyFrom(obj.spec.containers[0])
        added.name = "b"

    assert update(pod(), more) == [("spec.containers", say.FORBIDDEN)]


def test_a_deadline_only_comes_nearer() -> None:
    def later(obj: core.Pod) -> None:
        obj.spec.activeDeadlineSeconds = 50

    assert update(pod(activeDeadlineSeconds=10), later) == [("spec.activeDeadlineSeconds", say.INVALID)]
    assert update(
        pod(activeDeadlineSeconds=10), lambda obj: obj.spec.ClearField("activeDeadlineSeconds")
    ) == [("spec.activeDeadlineSeconds", say.INVALID)]


def test_status_does_not_bind() -> None:
    before, after = pod(), pod(nodeName="n")
    before.metadata.resourceVersion = after.metadata.resourceVersion = "1"
    found = [(cause.field, cause.reason) for cause in validate_status_update(POD, after, before)]
    assert found == [("status.nodeName", say.FORBIDDEN)]

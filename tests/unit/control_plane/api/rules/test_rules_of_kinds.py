"""Kinds other than pods: a good object of each, and one change per case."""

from typing import Any

import pytest

from control_plane.api.rules import causes as say
from control_plane.api.rules import default_object, invalid, validate_create, validate_update
from control_plane.api.rules.api import BY_MESSAGE
from control_plane.api.rules.jobs import generate_selector
from control_plane.api.rules.servicechanges import carry_over
from knarr.api.codec import from_dict
from knarr.api.kinds import DEPLOYMENT, Kind
from knarr.errors import Cause
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core

SELECTOR = {"matchLabels": {"app": "web"}}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a", "image": "nginx:1"}]},
}
JOB_TEMPLATE = {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
ROLE_REF = {"kind": "ClusterRole", "name": "view"}
SUBJECT = {"kind": "User", "name": "eve"}

GOOD: dict[str, dict[str, Any]] = {
    "Namespace": {},
    "Node": {
        "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
        "status": {"capacity": {"cpu": "4"}},
    },
    "ConfigMap": {"data": {"a": "b"}},
    "Secret": {"stringData": {"a": "b"}},
    "Event": {"involvedObject": {"kind": "Pod", "namespace": "shop"}},
    "PriorityClass": {"value": 5},
    "PodGroup": {"spec": {"schedulingPolicy": {"gang": {"minCount": 4}}}},
    "Service": {"spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}},
    "Deployment": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "ReplicaSet": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "StatefulSet": {"spec": {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "web"}},
    "DaemonSet": {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "ReplicationController": {"spec": {"template": TEMPLATE}},
    "ControllerRevision": {"data": {}, "revision": 1},
    "PodTemplate": {"template": TEMPLATE},
    "Job": {"spec": {"template": JOB_TEMPLATE}},
    "CronJob": {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}},
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": SELECTOR}},
    "HorizontalPodAutoscaler": {
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    },
    "Ingress": {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}},
    "IngressClass": {"spec": {"controller": "ex.com/a"}},
    "NetworkPolicy": {"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}},
    "Role": {"rules": [RULE]},
    "ClusterRole": {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]},
    "RoleBinding": {"roleRef": ROLE_REF, "subjects": [SUBJECT]},
    "ClusterRoleBinding": {"roleRef": ROLE_REF, "subjects": [SUBJECT]},
    "Lease": {"spec": {"leaseDurationSeconds": 5}},
    "Endpoints": {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]},
    "EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"]}],
        "ports": [{"port": 80}],
    },
    "ServiceAccount": {},
    "PersistentVolumeClaim": {"spec": CLAIM},
    "PersistentVolume": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/data"},
        }
    },
    "StorageClass": {"provisioner": "ex.com/disk"},
    "LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}},
    "ResourceQuota": {"spec": {"hard": {"pods": "5"}}},
}
CLUSTER_SCOPED = {
    "Namespace",
    "Node",
    "PriorityClass",
    "IngressClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "PersistentVolume",
    "StorageClass",
}
KINDS = {
    message.DESCRIPTOR.name: Kind("", "v1", message.DESCRIPTOR.name, "", (), True, message)
    for message in BY_MESSAGE
}


def make(name: str, **changes: Any) -> Any:
    metadata: dict[str, Any] = {"name": "web", "uid": "u-1", "resourceVersion": "1"}
    if name not in CLUSTER_SCOPED:
        metadata["namespace"] = "shop"
    document = {**GOOD[name], **changes}
    document["metadata"] = {**metadata, **document.get("metadata", {})}
    obj = from_dict(document, KINDS[name].message)
    if isinstance(obj, batch.Job):
        generate_selector(obj)
    default_object(KINDS[name], obj)
    return obj


def wrong(name: str, **changes: Any) -> list[tuple[str, str]]:
    found = validate_create(KINDS[name], make(name, **changes))
    return [(cause.field, cause.reason) for cause in found]


def test_every_kind_with_rules_has_a_good_object_here() -> None:
    assert set(GOOD) | {"Pod"} == set(KINDS)


@pytest.mark.parametrize("name", GOOD)
def test_good_objects_are_accepted_and_may_stay_as_they_are(name: str) -> None:
    assert wrong(name) == []
    assert validate_update(KINDS[name], make(name), make(name)) == []


@pytest.mark.parametrize("name", GOOD)
def test_names_are_checked(name: str) -> None:
    fields = {field for field, _ in wrong(name, metadata={"name": "a/b"})}
    assert "metadata.name" in fields


def spec(name: str, **changes: Any) -> dict[str, Any]:
    return {"spec": {**GOOD[name]["spec"], **changes}}


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("Deployment", spec("Deployment", replicas=-1), [("spec.replicas", say.INVALID)]),
        (
            "Deployment",
            spec("Deployment", selector={"matchLabels": {"app": "db"}}),
            [("spec.template.metadata.labels", say.INVALID)],
        ),
        ("Deployment", spec("Deployment", selector={}), [("spec.selector", say.INVALID)]),
        (
            "Deployment",
            spec("Deployment", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
            [("spec.strategy.rollingUpdate.maxUnavailable", say.INVALID)],
        ),
        (
            "Deployment",
            spec("Deployment", strategy={"type": "Recreate", "rollingUpdate": {}}),
            [("spec.strategy.rollingUpdate", say.FORBIDDEN)],
        ),
        (
            "Deployment",
            spec("Deployment", template={**TEMPLATE, "spec": JOB_TEMPLATE["spec"]}),
            [("spec.template.spec.restartPolicy", say.NOT_SUPPORTED)],
        ),
        ("ConfigMap", {"data": {"..": "x"}}, [("data[..]", say.INVALID)]),
        ("ConfigMap", {"binaryData": {"a": "YQ=="}}, [("data[a]", say.INVALID)]),
        ("ConfigMap", {"data": {"a": "x" * 2**20 + "y"}}, [("[]", say.TOO_LONG)]),
        (
            "Secret",
            {"type": "kubernetes.io/tls"},
            [("data[tls.crt]", say.REQUIRED), ("data[tls.key]", say.REQUIRED)],
        ),
        ("Service", spec("Service", ports=[]), [("spec.ports", say.REQUIRED)]),
        (
            "Service",
            spec("Service", ports=[{"port": 80}, {"port": 81}]),
            [("spec.ports[0].name", say.REQUIRED), ("spec.ports[1].name", say.REQUIRED)],
        ),
        ("Service", spec("Service", type="clusterIP"), [("spec.type", say.NOT_SUPPORTED)]),
        ("Service", spec("Service", clusterIP="1.2"), [("spec.clusterIPs[0]", say.INVALID)]),
        ("PriorityClass", {"value": 2_000_000_000}, [("value", say.FORBIDDEN)]),
        ("PodGroup", {"spec": {}}, [("spec.schedulingPolicy", say.INVALID)]),
        (
            "PodGroup",
            {"spec": {"schedulingPolicy": {"basic": {}, "gang": {"minCount": 2}}}},
            [("spec.schedulingPolicy", say.INVALID)],
        ),
        (
            "PodGroup",
            {"spec": {"schedulingPolicy": {"gang": {}}}},
            [("spec.schedulingPolicy.gang.minCount", say.REQUIRED)],
        ),
        (
            "PodGroup",
            {"spec": {"schedulingPolicy": {"gang": {"minCount": -1}}, "scheduleTimeoutSeconds": 0}},
            [
                ("spec.scheduleTimeoutSeconds", say.INVALID),
                ("spec.schedulingPolicy.gang.minCount", say.INVALID),
            ],
        ),
        ("Event", {"involvedObject": {"namespace": "x"}}, [("involvedObject.namespace", say.INVALID)]),
        ("Job", {"spec": {"template": TEMPLATE}}, [("spec.template.spec.restartPolicy", say.REQUIRED)]),
        ("CronJob", spec("CronJob", schedule="* *"), [("spec.schedule", say.INVALID)]),
        ("CronJob", spec("CronJob", timeZone="Mars/Base"), [("spec.timeZone", say.INVALID)]),
        (
            "StatefulSet",
            spec("StatefulSet", updateStrategy={"rollingUpdate": {"partition": -1}}),
            [("spec.updateStrategy.rollingUpdate.partition", say.INVALID)],
        ),
        (
            "DaemonSet",
            spec("DaemonSet", updateStrategy={"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}),
            [("spec.updateStrategy.rollingUpdate.maxSurge", say.INVALID)],
        ),
        (
            "PodDisruptionBudget",
            spec("PodDisruptionBudget", maxUnavailable=1),
            [("spec", say.INVALID)],
        ),
        (
            "Role",
            {"rules": [{"verbs": ["get"]}]},
            [("rules[0].apiGroups", say.REQUIRED), ("rules[0].resources", say.REQUIRED)],
        ),
        (
            "NetworkPolicy",
            spec("NetworkPolicy", policyTypes=["x"]),
            [("spec.policyTypes[0]", say.NOT_SUPPORTED)],
        ),
        (
            "PersistentVolumeClaim",
            spec("PersistentVolumeClaim", accessModes=[]),
            [("spec.accessModes", say.REQUIRED)],
        ),
        (
            "LimitRange",
            {"spec": {"limits": [{"type": "Container", "min": {"cpu": "3"}, "max": {"cpu": "2"}}]}},
            [
                ("spec.limits[0].min[cpu]", say.INVALID),
                ("spec.limits[0].defaultRequest[cpu]", say.INVALID),
                ("spec.limits[0].default[cpu]", say.INVALID),
            ],
        ),
        (
            "ResourceQuota",
            {"spec": {"hard": {"gpu": "1"}}},
            [("spec.hard[gpu]", say.INVALID), ("spec.hard[gpu]", say.INVALID)],
        ),
        (
            "HorizontalPodAutoscaler",
            spec("HorizontalPodAutoscaler", minReplicas=5),
            [("spec.maxReplicas", say.INVALID)],
        ),
    ],
)
def test_refusals(name: str, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert wrong(name, **changes) == expected


def test_a_stateful_set_may_mount_its_claims() -> None:
    container = {**TEMPLATE["spec"]["containers"][0], "volumeMounts": [{"name": "data", "mountPath": "/d"}]}
    template = {**TEMPLATE, "spec": {"containers": [container]}}
    with_claim = spec(
        "StatefulSet", template=template, volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": CLAIM}]
    )
    assert wrong("StatefulSet", **with_claim) == []
    assert wrong("StatefulSet", **spec("StatefulSet", template=template)) == [
        ("spec.template.spec.containers[0].volumeMounts[0].name", say.NOT_FOUND)
    ]


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        (
            "Deployment",
            spec("Deployment", selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
            [("spec.selector", say.INVALID)],
        ),
        ("Secret", {"type": "x/y"}, [("type", say.INVALID)]),
        ("PriorityClass", {"value": 6}, [("value", say.FORBIDDEN)]),
        (
            "PodGroup",
            {"spec": {"schedulingPolicy": {"gang": {"minCount": 5}}}},
            [("spec.schedulingPolicy", say.INVALID)],
        ),
        ("StatefulSet", spec("StatefulSet", serviceName="db"), [("spec", say.FORBIDDEN)]),
        ("RoleBinding", {"roleRef": {"kind": "Role", "name": "x"}}, [("roleRef", say.INVALID)]),
        ("StorageClass", {"provisioner": "ex.com/b"}, [("provisioner", say.FORBIDDEN)]),
        ("Job", spec("Job", completions=5), [("spec.completions", say.INVALID)]),
        ("Deployment", {"metadata": {"uid": "other"}}, [("metadata.uid", say.INVALID)]),
        ("Deployment", {"metadata": {"resourceVersion": ""}}, [("metadata.resourceVersion", say.INVALID)]),
    ],
)
def test_what_may_not_change(name: str, changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = validate_update(KINDS[name], make(name, **changes), make(name))
    assert [(cause.field, cause.reason) for cause in found] == expected


def test_an_immutable_secret_stays() -> None:
    frozen = make("Secret", immutable=True)
    changed = make("Secret", immutable=True, stringData={"a": "c"})
    thawed = make("Secret")
    assert [cause.field for cause in validate_update(KINDS["Secret"], changed, frozen)] == ["data"]
    assert [cause.field for cause in validate_update(KINDS["Secret"], thawed, frozen)] == ["immutable"]


def test_a_bound_claim_may_grow_and_not_shrink() -> None:
    def claim(size: str) -> Any:
        obj = make("PersistentVolumeClaim", spec={**CLAIM, "resources": {"requests": {"storage": size}}})
        obj.status.phase = "Bound"
        return obj

    kind = KINDS["PersistentVolumeClaim"]
    assert validate_update(kind, claim("2Gi"), claim("1Gi")) == []
    assert [cause.field for cause in validate_update(kind, claim("1Gi"), claim("2Gi"))] == [
        "spec.resources.requests.storage"
    ]


def test_defaults_of_some_kinds() -> None:
    deployment = make("Deployment").spec
    assert deployment.strategy.rollingUpdate.maxSurge.strVal == "25%"
    assert (deployment.replicas, deployment.revisionHistoryLimit, deployment.progressDeadlineSeconds) == (
        1,
        10,
        600,
    )
    assert make("Secret").data["a"] == b"b"
    assert make("Secret").type == "Opaque"
    assert make("Service").spec.ports[0].targetPort.intVal == 80
    assert make("NetworkPolicy").spec.policyTypes == ["Ingress", "Egress"]
    assert make("LimitRange").spec.limits[0].defaultRequest["cpu"].string == "2"
    assert make("ReplicationController").spec.selector == {"app": "web"}
    assert make("HorizontalPodAutoscaler").spec.metrics[0].resource.target.averageUtilization == 80
    assert make("Namespace").metadata.labels["kubernetes.io/metadata.name"] == "web"
    assert make("RoleBinding").subjects[0].apiGroup == "rbac.authorization.k8s.io"


def test_a_services_allocations_are_carried_over() -> None:
    old = make(
        "Service",
        spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}], "clusterIP": "10.96.0.9"},
    )
    new = make("Service", spec={"type": "NodePort", "ports": [{"port": 80}]})
    carry_over(new, old)
    assert (new.spec.clusterIP, new.spec.ports[0].nodePort) == ("10.96.0.9", 30080)
    inside = make("Service", spec={"type": "ClusterIP", "ports": [{"port": 80, "nodePort": 30080}]})
    carry_over(inside, old)
    assert inside.spec.ports[0].nodePort == 0
    outside = make("Service", spec={"type": "ExternalName", "externalName": "a.b", "clusterIP": "10.96.0.9"})
    carry_over(outside, old)
    assert isinstance(outside, core.Service)
    assert (outside.spec.clusterIP, list(outside.spec.clusterIPs)) == ("", [])


def test_the_error_says_one_cause_inline_and_several_in_brackets() -> None:
    one = Cause("spec.replicas", say.INVALID, "Invalid value: -1: must be greater than or equal to 0")
    other = Cause("spec.selector", say.REQUIRED, "Required value")
    assert invalid(DEPLOYMENT, "web", [one]).message == (
        'Deployment.apps "web" is invalid: spec.replicas: '
        "Invalid value: -1: must be greater than or equal to 0"
    )
    error = invalid(DEPLOYMENT, "web", [one, other, one])
    assert error.message == (
        'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be greater than or '
        "equal to 0, spec.selector: Required value]"
    )
    assert [cause.field for cause in error.causes] == ["spec.replicas", "spec.selector", "spec.replicas"]
    assert error.status().details.kind == "Deployment"

"""How single values are read and written, and every way in which they can be wrong."""

from typing import Any

import pytest
from google.protobuf.message import Message

from knarr.api import codec, kinds
from knarr.api.errors import DecodeError
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import rbac_v1_pb2 as rbac


def problems(value: Any, message: type[Message]) -> list[str]:
    with pytest.raises(DecodeError) as raised:
        codec.from_dict(value, message)
    return [str(problem) for problem in raised.value.problems]


def test_all_problems_of_a_document_are_reported_at_once() -> None:
    value = {
        "kind": "Deployment",
        "metadata": {"labels": {"app": True}, "nmae": "web"},
        "spec": {
            "replicas": "3",
            "template": {
                "spec": {
                    "contaners": [],
                    "containers": [
                        {"name": "a", "resources": {"limits": {"cpu": "1.5.5Gi"}}},
                        {"ports": [{}, {"hostport": 80, "containerPort": 2**31}], "tty": "true"},
                    ],
                }
            },
        },
    }
    assert problems(value, apps.Deployment) == [
        "metadata.labels[app]: expected a string, got the boolean true; put it in quotes",
        "metadata.nmae: unknown field; did you mean name?",
        'spec.replicas: expected a whole number, got the string "3"; remove the quotes',
        "spec.template.spec.contaners: unknown field; did you mean containers?",
        'spec.template.spec.containers[0].resources.limits[cpu]: "1.5.5Gi" is not a quantity: '
        "expected a number with an optional suffix, such as 500m, 2, 1.5Gi or 1e3",
        "spec.template.spec.containers[1].ports[1].hostport: unknown field; did you mean hostPort?",
        "spec.template.spec.containers[1].ports[1].containerPort: "
        "2147483648 does not fit 32 bits (-2147483648 to 2147483647)",
        'spec.template.spec.containers[1].tty: expected a boolean, got the string "true"; remove the quotes',
    ]


def test_unknown_fields_alone_leave_a_message() -> None:
    decoded = codec.decode({"spec": {"nodename": "n", "zzz": 1}}, core.Pod)
    assert decoded.message == core.Pod()
    assert [(problem.path, problem.suggestion) for problem in decoded.unknown] == [
        ("spec.nodename", "did you mean nodeName?"),
        ("spec.zzz", ""),
    ]
    assert all(problem.unknown for problem in decoded.unknown)
    with pytest.raises(DecodeError):
        decoded.strict()


@pytest.mark.parametrize(
    ("message", "value", "problem"),
    [
        (core.Pod, [], "expected an object, got a list"),
        (core.Pod, {"spec": "x"}, 'spec: expected an object, got the string "x"'),
        (core.Pod, {"spec": {"containers": {}}}, "spec.containers: expected a list, got an object"),
        (core.Pod, {"spec": {"nodeSelector": []}}, "spec.nodeSelector: expected an object, got a list"),
        (
            core.Pod,
            {"spec": {"nodeSelector": {1: "a"}}},
            "spec.nodeSelector: keys are strings, got 1; put it in quotes",
        ),
        (core.Pod, {1: 2}, "1: unknown field"),
        (core.Pod, {"spec": {"priority": 1.0}}, "spec.priority: expected a whole number, got the number 1.0"),
        (
            core.Pod,
            {"spec": {"priority": True}},
            "spec.priority: expected a whole number, got the boolean true",
        ),
        (
            core.Pod,
            {"spec": {"hostNetwork": "x"}},
            'spec.hostNetwork: expected a boolean, got the string "x"; write true or false',
        ),
        (
            core.PodSpec,
            {"terminationGracePeriodSeconds": 2**63},
            "terminationGracePeriodSeconds: 9223372036854775808 does not fit 64 bits",
        ),
        (core.Secret, {"data": {"a": "%%%"}}, 'data[a]: "%%%" is not standard base64'),
        (core.Secret, {"data": {"a": "AAE"}}, 'data[a]: "AAE" is not standard base64'),
        (core.Secret, {"data": {"a": 5}}, "data[a]: expected base64 text, got the number 5"),
        (core.Secret, {"data": {"a": "Ä"}}, "data[a]"),
        (core.ServicePort, {"targetPort": 1.5}, "targetPort: expected a 32-bit whole number or a string"),
        (core.ServicePort, {"targetPort": 2**31}, "targetPort: expected a 32-bit whole number or a string"),
        (core.ResourceRequirements, {"limits": {"cpu": True}}, "limits[cpu]: expected a quantity such as"),
        (core.ResourceRequirements, {"limits": {"cpu": ""}}, 'limits[cpu]: "" is not a quantity'),
        (meta.ObjectMeta, {"creationTimestamp": 5}, "creationTimestamp: expected a time such as"),
        (meta.ObjectMeta, {"creationTimestamp": "yesterday"}, "creationTimestamp: expected a time such as"),
        (meta.ManagedFieldsEntry, {"fieldsV1": []}, "fieldsV1: expected an object"),
        (meta.ManagedFieldsEntry, {"fieldsV1": {"a": float("nan")}}, "fieldsV1: cannot be written as JSON"),
        (core.ObjectReference, {"name": "\ud800"}, "name: is not valid Unicode text"),
        (core.ConfigMap, {"data": {"\udfff": "x"}}, "is not valid Unicode text"),
        (core.Container, {"args": ["a", "\ud800"]}, "args[1]: is not valid Unicode text"),
    ],
)
def test_wrong_values(message: type[Message], value: Any, problem: str) -> None:
    (found,) = problems(value, message)
    assert problem in found


def test_deep_values_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    (found,) = problems({"data": deep}, apps.ControllerRevision)
    assert found == "data: is nested deeper than 100 levels"


def test_paths_of_problems_can_have_a_prefix() -> None:
    with pytest.raises(DecodeError, match=r"^items\[1\]\.spec: expected"):
        codec.decode({"spec": 1}, core.Pod, "items[1]")


@pytest.mark.parametrize(
    ("message", "value", "written"),
    [
        pytest.param(
            core.Pod,
            {"apiVersion": "v1", "kind": "Pod"},
            {"metadata": {}, "spec": {"containers": None}, "status": {}},
            id="empty",
        ),
        pytest.param(
            core.PodSpec,
            {"containers": [None], "hostname": None},
            {"containers": [{"name": "", "resources": {}}]},
            id="null",
        ),
        pytest.param(
            core.Container,
            {"args": [None, "a"]},
            {"args": ["", "a"], "name": "", "resources": {}},
            id="null text",
        ),
        pytest.param(
            core.ConfigMap, {"data": {"a": None}}, {"data": {"a": ""}, "metadata": {}}, id="null entry"
        ),
        pytest.param(
            core.ResourceRequirements, {"limits": {"a": None}}, {"limits": {"a": "0"}}, id="null quantity"
        ),
        pytest.param(
            core.ResourceRequirements,
            {"limits": {"a": 1, "b": 0.5, "c": 1e3}},
            {"limits": {"a": "1", "b": "500m", "c": "1k"}},
            id="number quantities",
        ),
        pytest.param(
            apps.DeploymentSpec,
            {"replicas": 0, "paused": False},
            {
                "replicas": 0,
                "selector": None,
                "template": {"metadata": {}, "spec": {"containers": None}},
                "strategy": {},
            },
            id="zeros",
        ),
        pytest.param(
            apps.DeploymentSpec,
            {"selector": {}},
            {"selector": {}, "template": {"metadata": {}, "spec": {"containers": None}}, "strategy": {}},
            id="empty pointer",
        ),
        pytest.param(core.Volume, {"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}, id="inline"),
        pytest.param(core.ConfigMapKeySelector, {"name": "", "key": "k"}, {"key": "k"}, id="inline zero"),
        pytest.param(
            core.ResourceFieldSelector,
            {"resource": "cpu", "divisor": "0"},
            {"resource": "cpu", "divisor": "0"},
            id="divisor",
        ),
        pytest.param(
            core.ServicePort,
            {"port": 80, "targetPort": "http"},
            {"port": 80, "targetPort": "http"},
            id="port name",
        ),
        pytest.param(
            core.ServicePort, {"port": 80, "targetPort": 0}, {"port": 80, "targetPort": 0}, id="port zero"
        ),
        pytest.param(core.HTTPGetAction, {"port": ""}, {"port": ""}, id="empty port name"),
        pytest.param(
            core.Secret, {"data": {"a": "aGk=\n"}}, {"data": {"a": "aGk="}, "metadata": {}}, id="base64"
        ),
        pytest.param(
            core.PodCondition,
            {"type": "a", "status": "b"},
            {"type": "a", "status": "b", "lastProbeTime": None, "lastTransitionTime": None},
            id="no time",
        ),
        pytest.param(meta.ObjectMeta, {"creationTimestamp": None, "labels": {}}, {}, id="null time"),
        pytest.param(meta.ObjectMeta, {"creationTimestamp": "0001-01-01T00:00:00Z"}, {}, id="zero time"),
        pytest.param(
            meta.ObjectMeta,
            {"creationTimestamp": "2026-01-31T08:00:00.9+01:00"},
            {"creationTimestamp": "2026-01-31T07:00:00Z"},
            id="offset",
        ),
        pytest.param(
            meta.ObjectMeta,
            {"deletionGracePeriodSeconds": 0, "generation": 2**60},
            {"generation": 2**60, "deletionGracePeriodSeconds": 0},
            id="int64",
        ),
        pytest.param(rbac.Role, {"rules": []}, {"metadata": {}, "rules": None}, id="empty list"),
        pytest.param(core.PodList, {}, {"metadata": {}, "items": []}, id="no items"),
        pytest.param(networking.HTTPIngressPath, {}, {"pathType": None, "backend": {}}, id="null pointer"),
        pytest.param(
            core.TypedLocalObjectReference,
            {"apiGroup": "", "kind": "k", "name": "n"},
            {"apiGroup": "", "kind": "k", "name": "n"},
            id="empty pointer text",
        ),
    ],
)
def test_omission_rules(message: type[Message], value: dict[str, Any], written: dict[str, Any]) -> None:
    decoded = codec.from_dict(value, message)
    assert codec.to_dict(decoded) == written
    assert codec.from_dict(written, message) == decoded


def test_empty_structs_and_none_are_the_same_message() -> None:
    given = {
        "spec": {"strategy": {}, "template": {"metadata": {"labels": {}}, "spec": {}}},
        "status": {"replicas": 0},
    }
    assert codec.from_dict(given, apps.Deployment) == apps.Deployment()


def test_keys_are_in_the_order_of_people() -> None:
    pod = core.Pod(metadata=meta.ObjectMeta(name="a", labels={"b": "1", "a": "2"}))
    pod.spec.nodeName = "n"
    pod.status.phase = "Running"
    written = codec.object_to_dict(pod)
    assert list(written) == ["apiVersion", "kind", "metadata", "spec", "status"]
    assert list(written["metadata"]["labels"]) == ["a", "b"]


def test_claims_of_stateful_sets_have_their_type() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"}}
    spec = codec.from_dict({"volumeClaimTemplates": [claim]}, apps.StatefulSetSpec)
    (written,) = codec.to_dict(spec)["volumeClaimTemplates"]
    assert list(written)[:3] == ["apiVersion", "kind", "metadata"]


def test_apiversion_and_kind_belong_to_objects_alone() -> None:
    assert problems({"spec": {"kind": "x"}}, core.Pod) == ["spec.kind: unknown field"]
    assert problems({"template": {"kind": "x"}}, apps.DeploymentSpec) == ["template.kind: unknown field"]


def test_objects_find_their_kind_and_carry_it() -> None:
    value = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    message = codec.object_from_dict(value).strict()
    assert message == apps.Deployment(metadata=meta.ObjectMeta(name="a"))
    assert codec.from_json(codec.to_json(message), apps.Deployment).strict() == message
    assert codec.kind_of_dict(value) is kinds.DEPLOYMENT


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the document is not JSON: Expecting value (line 1, column 1)"),
        (b"\xff", "the document is not UTF-8 (byte 0)"),
        (b'{"a": NaN}', "the document is not JSON: NaN is no number"),
        (b"[" * 100_000, "the document is nested too deeply"),
        (b"1" * 5000, "the document is not JSON"),
        (b'{"spec": {}, "spec": {"nodeName": 1}}', "spec.nodeName: expected a string"),
        (b"5", "expected an object, got the number 5"),
    ],
)
def test_bytes_that_are_no_object(data: bytes, problem: str) -> None:
    with pytest.raises(DecodeError) as raised:
        codec.from_json(data, core.Pod)
    assert problem in str(raised.value)


def test_fields_given_twice_are_unknown_ones() -> None:
    data = b'{"metadata": {"name": "a", "name": "b"}, "spec": {"containers": [{"name": 5, "name": "c"}]}}'
    decoded = codec.from_json(data, core.Pod)
    assert decoded.message.metadata.name == "b"
    assert [str(problem) for problem in decoded.unknown] == [
        "metadata.name: the field is given twice; keep one",
        "spec.containers[0].name: the field is given twice; keep one",
    ]

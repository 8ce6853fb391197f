"""No field is accepted in silence: the tables cover the schema, and objects are held to them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from knarr.api import codec, kinds, schema, support_page
from knarr.api.support import check_support, name_of
from knarr.api.support_honoured import HONOURED
from knarr.api.support_stored import STORED
from knarr.api.support_table import UNSUPPORTED, Verdict
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.generate import messages

PAGE = Path(__file__).parents[4] / "docs" / "supported-fields.md"


ROWS = {row.field: row for row in UNSUPPORTED}


def undecided(honoured: frozenset[str]) -> set[str]:
    """Fields of kinds that are acted upon that stand neither in the table nor in `honoured`."""
    found: set[str] = set()
    seen: set[str] = set()
    acted_upon = (kind for kind in kinds.KINDS if kind.name not in STORED)
    pending: list[tuple[Any, bool]] = [(kind.message.DESCRIPTOR, True) for kind in acted_upon]
    while pending:
        descriptor, is_object = pending.pop()
        if descriptor.full_name in seen or descriptor.full_name in schema.SPECIAL:
            continue
        seen.add(descriptor.full_name)
        for field in descriptor.fields:
            if is_object and field.name == "status":
                continue
            row = ROWS.get(name_of(field))
            if row is None and name_of(field) not in honoured:
                found.add(name_of(field))
            inner = field.message_type
            if inner is not None and inner.GetOptions().map_entry:
                inner = inner.fields_by_name["value"].message_type
            if inner is not None and (row is None or row.harmless):
                pending.append((inner, False))
    return found


def test_every_field_of_every_served_kind_is_decided() -> None:
    assert undecided(HONOURED) == set()


def test_no_field_is_decided_twice_or_does_not_exist() -> None:
    names = [row.field for row in UNSUPPORTED]
    assert len(names) == len(set(names))
    assert not HONOURED & set(names)
    reachable = undecided(frozenset())
    assert reachable >= HONOURED
    for name in names:
        package, message, field = name.rsplit(".", 2)
        module = {"core": core, "apps": apps, "scheduling.v1alpha3": scheduling, "storage": storage}[package]
        assert field in getattr(module, message).DESCRIPTOR.fields_by_name


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == support_page.page()


def pod(**spec: Any) -> core.Pod:
    container = {"name": "a", "image": "b", **spec.pop("container", {})}
    return codec.from_dict({"spec": {"containers": [container], **spec}}, core.Pod)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"hostPID": True}, "spec.hostPID"),
        ({"hostUsers": False}, "spec.hostUsers"),
        ({"os": {"name": "windows"}}, "spec.os.name"),
        ({"container": {"lifecycle": {"preStop": {"exec": {}}}}}, "spec.containers[0].lifecycle.preStop"),
        ({"container": {"livenessProbe": {"grpc": {"port": 1}}}}, "spec.containers[0].livenessProbe.grpc"),
        ({"container": {"restartPolicy": "Never"}}, "spec.containers[0].restartPolicy"),
        ({"volumes": [{"name": "v", "nfs": {}}]}, "spec.volumes[0].nfs"),
        ({"volumes": [{"name": "v", "ephemeral": {}}]}, "spec.volumes[0].ephemeral"),
        (
            {"volumes": [{"projected": {"sources": [{}, {"serviceAccountToken": {"path": "t"}}]}}]},
            "spec.volumes[0].projected.sources[1].serviceAccountToken",
        ),
        ({"ephemeralContainers": [{"name": "e"}]}, "spec.ephemeralContainers"),
        (
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
            "spec.securityContext.seccompProfile.type",
        ),
    ],
)
def test_refused(spec: dict[str, Any], path: str) -> None:
    causes, warnings = check_support(kinds.POD, pod(**spec))
    assert warnings == ()
    assert [cause.field for cause in causes] == [path]
    assert "not supported by Knarr" in causes[0].message
    template = {"spec": {"template": codec.to_dict(pod(**spec))}}
    template["spec"]["template"].pop("status")
    deployment = codec.from_dict(template, apps.Deployment)
    causes, _ = check_support(kinds.DEPLOYMENT, deployment)
    assert [cause.field for cause in causes] == [f"spec.template.{path}"]


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        ({"subdomain": "s"}, "spec.subdomain: is ignored: pods have no DNS records"),
        (
            {"serviceAccountName": "builder"},
            "spec.serviceAccountName: is ignored: pods get no tokens for the API",
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]},
            "spec.volumes[0].emptyDir.sizeLimit: is ignored: nothing measures it",
        ),
    ],
)
def test_ignored_with_a_warning(spec: dict[str, Any], warning: str) -> None:
    assert check_support(kinds.POD, pod(**spec)) == ((), (warning,))


def test_kubernetes_defaults_are_neither_refused_nor_warned_of() -> None:
    defaulted = pod(
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        serviceAccountName="default",
        serviceAccount="default",
        securityContext={},
        enableServiceLinks=True,
        preemptionPolicy="PreemptLowerPriority",
        terminationGracePeriodSeconds=30,
        priority=0,
        container={
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
            "resources": {"limits": {"cpu": "1"}},
        },
        initContainers=[{"name": "s", "restartPolicy": "Always"}],
        volumes=[{"name": "v", "emptyDir": {"medium": "Memory"}}],
        os={"name": "linux"},
    )
    assert check_support(kinds.POD, defaulted) == ((), ())


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind.name in STORED], ids=str)
def test_an_object_on_which_nothing_acts_gets_one_warning(kind: kinds.Kind) -> None:
    causes, (warning,) = check_support(kind, kind.message())
    assert causes == ()
    assert warning.startswith(f"{kind.name} is stored, but nothing acts on it yet: ")


def test_what_is_in_an_object_on_which_nothing_acts_is_not_warned_of() -> None:
    template = {"spec": {"hostPID": True, "subdomain": "s", "containers": [{"name": "a"}]}}
    daemons = codec.from_dict({"spec": {"template": template}}, apps.DaemonSet)
    assert check_support(kinds.DAEMON_SET, daemons) == ((), (STORED["DaemonSet"],))


def test_status_is_nobodys_to_refuse() -> None:
    running = core.Pod(status=core.PodStatus(phase="Running"))
    assert check_support(kinds.POD, running) == ((), ())


@given(messages(core.Pod))
def test_a_pod_with_everything_has_every_row_that_its_values_do_not_excuse(everything: core.Pod) -> None:
    causes, warnings = check_support(kinds.POD, everything)
    fields = {cause.field for cause in causes}
    refused = {row.field for row in UNSUPPORTED if row.verdict is Verdict.REFUSED and not row.harmless}
    for name in refused:
        _, message, field = name.rsplit(".", 2)
        if message == "PodSpec":
            assert f"spec.{field}" in fields
    assert any(warning.startswith("spec.subdomain: ") for warning in warnings)

"""Tables: what compiling them makes of rows."""

from typing import Any

import pytest

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import NON_NEGATIVE, PORT, PORT_NAME, one_of
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.rows import (
    default,
    default_by,
    default_pointer,
    each,
    ensure,
    into,
    required,
    required_message,
    rule,
    unique,
    whole,
)
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

PORTS = Table(
    core.ContainerPort,
    rules=(required("containerPort"), rule("containerPort", PORT), rule("name", PORT_NAME)),
    defaults=(default("protocol", "TCP"),),
)
CONTAINERS = Table(
    core.Container,
    rules=(each("ports", PORTS), unique("ports", "name"), required("image")),
    defaults=(default("imagePullPolicy", "Always"),),
)


def causes_of(table: Table, message: Any, path: str = "spec") -> list[tuple[str, str]]:
    found: Causes = []
    table.check(message, path, found)
    return [(cause.field, cause.reason) for cause in found]


def test_a_rule_looks_at_its_field_when_it_is_set() -> None:
    assert causes_of(PORTS, core.ContainerPort(containerPort=80)) == []
    assert causes_of(PORTS, core.ContainerPort(containerPort=70000)) == [("spec.containerPort", say.INVALID)]


def test_required_looks_at_absent_fields() -> None:
    assert causes_of(PORTS, core.ContainerPort()) == [("spec.containerPort", say.REQUIRED)]
    assert causes_of(PORTS, core.ContainerPort(), path="") == [("containerPort", say.REQUIRED)]


def test_lists_have_indexes_and_keys_stand_once() -> None:
    container = core.Container(
        image="a",
        ports=[
            core.ContainerPort(name="a", containerPort=1),
            core.ContainerPort(name="A", containerPort=2),
            core.ContainerPort(name="a", containerPort=-1),
        ],
    )
    assert causes_of(CONTAINERS, container) == [
        ("spec.ports[1].name", say.INVALID),
        ("spec.ports[1].name", say.INVALID),
        ("spec.ports[2].containerPort", say.INVALID),
        ("spec.ports[2].name", say.DUPLICATE),
    ]


def test_a_struct_is_looked_into_though_it_is_absent_and_a_pointer_is_not() -> None:
    pod = Table(core.Pod, rules=(into("spec", Table(core.PodSpec, rules=(required("containers"),))),))
    assert causes_of(pod, core.Pod(), path="") == [("spec.containers", say.REQUIRED)]
    spec = Table(
        core.PodSpec, rules=(into("dnsConfig", Table(core.PodDNSConfig, rules=(required("nameservers"),))),)
    )
    assert causes_of(spec, core.PodSpec()) == []
    assert causes_of(spec, core.PodSpec(dnsConfig=core.PodDNSConfig())) == [
        ("spec.dnsConfig.nameservers", say.REQUIRED)
    ]


def test_flattened_structs_leave_no_trace_in_paths() -> None:
    reference = Table(core.LocalObjectReference, rules=(required("name"),))
    table = Table(core.ConfigMapVolumeSource, rules=(into("localObjectReference", reference),))
    assert causes_of(table, core.ConfigMapVolumeSource(), "volumes[0].configMap") == [
        ("volumes[0].configMap.name", say.REQUIRED)
    ]


def test_a_pointer_to_a_message_can_be_required() -> None:
    table = Table(apps.DeploymentSpec, rules=(required_message("selector"),))
    assert causes_of(table, apps.DeploymentSpec()) == [("spec.selector", say.REQUIRED)]
    spec = apps.DeploymentSpec()
    spec.selector.SetInParent()
    assert causes_of(table, spec) == []


def test_causes_may_be_reported_elsewhere_than_at_the_field() -> None:
    table = Table(
        core.PodSpec,
        rules=(
            rule("restartPolicy", one_of("Always"), at="policy"),
            rule("restartPolicy", one_of("Always")),
            whole(
                "never right", lambda spec, path, causes: causes.append(say.required(path)), at="all.of.it"
            ),
        ),
    )
    assert causes_of(table, core.PodSpec(restartPolicy="x")) == [
        ("spec.policy", say.NOT_SUPPORTED),
        ("spec.restartPolicy", say.NOT_SUPPORTED),
        ("spec.all.of.it", say.REQUIRED),
    ]


def test_defaults_fill_what_is_absent_at_every_level() -> None:
    container = core.Container(image="a", ports=[core.ContainerPort(), core.ContainerPort(protocol="UDP")])
    assert CONTAINERS.fill is not None
    CONTAINERS.fill(container)
    assert container.imagePullPolicy == "Always"
    assert [port.protocol for port in container.ports] == ["TCP", "UDP"]


def test_an_explicit_zero_of_a_pointer_is_no_absence() -> None:
    table = Table(
        apps.DeploymentSpec,
        rules=(rule("replicas", NON_NEGATIVE),),
        defaults=(default_pointer("replicas", 1),),
    )
    assert table.fill is not None
    spec, zero = apps.DeploymentSpec(), apps.DeploymentSpec(replicas=0)
    table.fill(spec)
    table.fill(zero)
    assert (spec.replicas, zero.replicas) == (1, 0)
    assert causes_of(table, apps.DeploymentSpec(replicas=-1)) == [("spec.replicas", say.INVALID)]


def test_an_empty_message_can_be_a_default() -> None:
    table = Table(core.PodSpec, defaults=(ensure("securityContext"),))
    spec = core.PodSpec()
    assert table.fill is not None
    table.fill(spec)
    assert spec.HasField("securityContext")


def test_a_table_without_defaults_fills_nothing() -> None:
    assert Table(core.PodSpec, rules=(required("containers"),)).fill is None


def test_a_row_for_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="has no field contaners"):
        Table(core.PodSpec, rules=(required("contaners"),))


def test_a_remembering_table_checks_equal_messages_once_and_faulty_ones_always() -> None:
    seen: list[str] = []

    def check(spec: Any, path: str, causes: Causes) -> None:
        seen.append(spec.nodeName)
        if not spec.nodeName:
            causes.append(say.required(path))

    table = Table(core.PodSpec, rules=(whole("noted", check),), remembered=True)
    for name in ("a", "a", "b", "", "", "a"):
        found: Causes = []
        table.check(core.PodSpec(nodeName=name), "spec", found)
        assert bool(found) == (not name)
    assert seen == ["a", "b", "", ""]


def test_a_remembering_table_fills_equal_messages_once_and_alike() -> None:
    filled: list[str] = []

    def fill(spec: Any) -> None:
        filled.append(spec.nodeName)
        spec.restartPolicy = spec.restartPolicy or "Always"

    table = Table(core.PodSpec, defaults=(default_by("restartPolicy", fill, "Always"),), remembered=True)
    assert table.fill is not None
    for name in ("a", "a", "b", "a"):
        pod = core.Pod(spec=core.PodSpec(nodeName=name))
        table.fill(pod.spec)
        assert pod == core.Pod(spec=core.PodSpec(nodeName=name, restartPolicy="Always"))
    assert filled == ["a", "b"]

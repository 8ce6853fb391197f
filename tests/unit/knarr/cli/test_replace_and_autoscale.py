"""knarr replace and autoscale, run against a server."""

import pytest

from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '1', other: '2'}\n"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: nginx}]}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}
"""


def test_what_is_not_in_the_file_is_unset(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    text = CONFIG_MAP.replace(", other: '2'", "")
    assert cli.done("replace", "-f", "-", given=text) == "configmap/a replaced\n"
    assert dict(cli.get(core.ConfigMap, "a").data) == {"key": "1"}


def test_what_is_not_there_is_not_made(cli: Cli) -> None:
    outcome = cli("replace", "-f", "-", given=CONFIG_MAP)
    assert (outcome.code, outcome.err) == (1, 'Error from server (NotFound): configmaps "a" not found\n')


def test_a_version_that_is_old_is_refused(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    old = cli.done("get", "cm", "a", "-o", "yaml")
    cli.done("label", "cm", "a", "x=y")
    outcome = cli("replace", "-f", "-", given=old)
    assert outcome.code == 1
    assert "the object has been modified" in outcome.err


def test_by_force_the_object_is_another(cli: Cli) -> None:
    cli.make(JOB)
    changed = JOB.replace("busybox", "busybox:2")
    assert "immutable" in cli("replace", "-f", "-", given=changed).err
    before = cli.done("get", "job", "once", "-o", "jsonpath={.metadata.uid}")
    assert cli("replace", "-f", "-", "--force", "--dry-run", given=changed).code == 2
    assert cli.done("replace", "-f", "-", "--force", given=changed) == "job.batch/once replaced\n"
    assert cli.done("get", "job", "once", "-o", "jsonpath={.metadata.uid}") != before


def test_an_autoscaler(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    arguments = ("autoscale", "deploy", "web", "--min=2", "--max=5")
    assert cli.done(*arguments) == "horizontalpodautoscaler.autoscaling/web autoscaled\n"
    spec = cli.get(autoscaling.HorizontalPodAutoscaler, "web").spec
    assert (spec.minReplicas, spec.maxReplicas, spec.scaleTargetRef.kind) == (2, 5, "Deployment")
    assert spec.metrics[0].resource.target.averageUtilization == 80


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy", "web", "--min=3", "--max=2"],
        ["cm", "a", "--max=2"],
        ["deploy", "web"],
        ["deploy", "--max=2"],
    ],
    ids=" ".join,
)
def test_no_autoscaler(cli: Cli, arguments: list[str]) -> None:
    assert cli("autoscale", *arguments).code == 2

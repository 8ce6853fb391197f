"""knarr label, annotate and patch, run against a server."""

from pathlib import Path

import pytest

from knarr.cli.decisions.marks import Marks, parse_marks, split
from knarr.cli.failure import Failure
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {app: web}}\ndata: {key: old}\n"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: nginx}, {name: side, image: busybox}]
"""


def test_labels_are_set_and_removed(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    assert cli.done("label", "cm", "a", "tier=front", "rack=1") == "configmap/a labeled\n"
    assert cli.done("label", "cm/a", "tier=front") == "configmap/a not labeled\n"
    assert cli.done("label", "cm", "-l", "app=web", "rack-") == "configmap/a unlabeled\n"
    assert dict(cli.get(core.ConfigMap, "a").metadata.labels) == {"app": "web", "tier": "front"}
    assert cli.done("label", "cm", "a", "--list") == "app=web\ntier=front\n"


def test_a_value_is_replaced_only_when_asked_for(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    outcome = cli("label", "cm", "a", "app=db")
    assert outcome.code == 1
    assert outcome.err == 'configmap/a: "app" already has a value (web); --overwrite replaces it\n'
    assert cli.done("label", "cm", "a", "app=db", "--overwrite", "--dry-run").endswith("(server dry run)\n")
    cli.done("label", "cm", "a", "app=db", "--overwrite")
    assert cli.get(core.ConfigMap, "a").metadata.labels["app"] == "db"


def test_annotations(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    shown = cli.done("annotate", "cm", "a", "note=a = b", "-o", "jsonpath={.metadata.annotations.note}")
    assert shown == "a = b"


def test_a_label_that_is_none_is_refused_by_the_server(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    outcome = cli("label", "cm", "a", "app=not a label", "--overwrite")
    assert outcome.code == 1
    assert "metadata.labels: Invalid value" in outcome.err


@pytest.mark.parametrize("pairs", [["=x"], ["-"], ["a=1", "a-"], ["a=1", "a=2"], ["a=1", "b"]])
def test_no_marks(pairs: list[str]) -> None:
    with pytest.raises(Failure):
        parse_marks(pairs)


def test_marks_are_what_follows_the_names() -> None:
    assert split(["cm", "a", "b-", "c=d"]) == (("cm", "a"), ("b-", "c=d"))
    assert parse_marks(["b-", "c=d=e"]) == Marks({"c": "d=e"}, frozenset({"b"}))


def test_a_strategic_patch_merges_lists_by_their_key(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    patch = "{spec: {template: {spec: {containers: [{name: side, image: busybox:2}]}}}}"
    assert cli.done("patch", "deploy", "web", "-p", patch) == "deployment.apps/web patched\n"
    assert cli.done("patch", "deploy", "web", "-p", patch) == "deployment.apps/web patched (no change)\n"
    containers = cli.get(apps.Deployment, "web").spec.template.spec.containers
    assert [container.image for container in containers] == ["nginx", "busybox:2"]


def test_merge_and_json_patches(cli: Cli, tmp_path: Path) -> None:
    cli.make(CONFIG_MAP)
    cli.done("patch", "cm", "a", "--type=merge", "-p", '{"data":{"new":"1"}}')
    cli.done("patch", "cm", "a", "-p", "{metadata: {annotations: {day: 2020-01-31, hour: 12:30}}}")
    annotations = cli.get(core.ConfigMap, "a").metadata.annotations
    assert (annotations["day"], annotations["hour"]) == ("2020-01-31", "12:30")
    (tmp_path / "patch.yaml").write_text("[{op: remove, path: /data/key}]")
    cli.done("patch", "cm", "a", "--type=json", "--patch-file", str(tmp_path / "patch.yaml"))
    assert dict(cli.get(core.ConfigMap, "a").data) == {"new": "1"}


def test_status_and_scale_can_be_patched(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    cli.done("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", "{spec: {replicas: 4}}")
    assert cli.get(apps.Deployment, "web").spec.replicas == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["patch", "cm", "a"],
        ["patch", "cm", "a", "-p", "[1]"],
        ["patch", "cm", "a", "-p", "{}", "--type=json"],
        ["patch", "cm", "a", "-p", "{"],
        ["patch", "cm", "-p", "{}"],
        ["label", "cm", "a"],
        ["label", "cm", "a=b"],
    ],
    ids=" ".join,
)
def test_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    assert cli(*arguments).code == 2

"""knarr create, run against a server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from knarr.cli.decisions.generating import container_name
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli

DRY = ("--dry-run=client", "-o", "yaml")


def made(cli: Cli, *arguments: str) -> Any:
    """What would be sent."""
    return yaml.safe_load(cli.done("create", *arguments, *DRY))


def test_as_files_say(cli: Cli) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    text += "---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"
    assert cli.done("create", "-f", "-", given=text) == "configmap/a created\nsecret/b created\n"
    again = cli("create", "-f", "-", given=text)
    assert again.code == 1
    assert again.err == 'Error from server (AlreadyExists): configmaps "a" already exists\n'


def test_a_generated_name_is_told(cli: Cli) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: run-}\n"
    assert cli.done("create", "-f", "-", given=text).startswith("configmap/run-")


def test_a_dry_run_of_the_client_asks_nobody(cli: Cli) -> None:
    assert made(cli, "configmap", "a", "--from-literal=key=a=b") == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": cli.namespace},
        "data": {"key": "a=b"},
    }
    assert cli.done("create", "namespace", "n", "--dry-run=client") == "namespace/n created (dry run)\n"


def test_a_dry_run_of_the_client_reads_files_strictly(cli: Cli) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndat: []\n"
    refused = cli("create", "-f", "-", *DRY, given=text)
    assert (refused.code, refused.err) == (1, "stdin:4:6: dat: unknown field; did you mean data?\n")
    assert cli("create", "-f", "-", *DRY, "--validate=ignore", given=text).code == 0
    assert cli("create", "-f", "-", *DRY, "--validate=ignore", given=text.replace("dat", "data")).code == 1


def test_keys_from_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<p>")
    (tmp_path / "site" / "logo").write_bytes(b"\xff\xfe")
    (tmp_path / "vars").write_text("# a comment\nA=1\n\nB=x=y\n")
    arguments = [f"--from-file={tmp_path}/site", f"--from-env-file={tmp_path}/vars"]
    value = made(cli, "configmap", "a", *arguments, f"--from-file=other={tmp_path}/vars")
    assert value["data"] == {
        "index.html": "<p>",
        "A": "1",
        "B": "x=y",
        "other": "# a comment\nA=1\n\nB=x=y\n",
    }
    assert value["binaryData"] == {"logo": "//4="}
    twice = cli("create", "configmap", "a", "--from-literal=A=2", *arguments)
    assert (twice.code, twice.err) == (2, 'the key "A" is given twice\n')
    assert cli("create", "configmap", "a", "--from-file=/nonexistent").code == 1


def test_a_secret(cli: Cli) -> None:
    assert cli.done("create", "secret", "generic", "db", "--from-literal=password=p") == "secret/db created\n"
    stored = cli.get(core.Secret, "db")
    assert (stored.type, dict(stored.data)) == ("Opaque", {"password": b"p"})


def test_a_deployment(cli: Cli) -> None:
    value = made(cli, "deployment", "web", "--image=reg:5000/nginx:1", "--replicas=3", "--port=80")
    assert value["spec"] == {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "nginx",
                        "image": "reg:5000/nginx:1",
                        "ports": [{"containerPort": 80}],
                        "resources": {},
                    }
                ]
            },
        },
    }
    arguments = ("create", "deployment", "web", "--image=busybox", "--image=busybox:2")
    shown = "jsonpath={.spec.template.spec.containers[*].name}"
    assert cli.done(*arguments, "-o", shown) == "busybox busybox-2"
    assert cli(*arguments, "--", "sleep", "1").code == 2


@pytest.mark.parametrize(
    ("image", "name"),
    [("nginx", "nginx"), ("a.b/c/d_e:1@sha256:f", "d-e"), ("localhost:5000/X", "x"), ("_", "main")],
)
def test_names_of_containers(image: str, name: str) -> None:
    assert container_name(image) == name


def test_jobs(cli: Cli) -> None:
    assert (
        cli.done("create", "job", "once", "--image=busybox", "--", "echo", "hello")
        == "job.batch/once created\n"
    )
    container = cli.get(batch.Job, "once").spec.template.spec.containers[0]
    assert list(container.command) == ["echo", "hello"]
    cli.make("""
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    metadata: {labels: {app: nightly}}
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}
""")
    cli.done("create", "job", "now", "--from=cj/nightly")
    run = cli.get(batch.Job, "now")
    assert (run.metadata.labels["app"], run.metadata.ownerReferences[0].name) == ("nightly", "nightly")
    assert cli("create", "job", "x").code == 2
    assert cli("create", "job", "x", "--from=pod/nightly").code == 2


def test_a_cron_job(cli: Cli) -> None:
    arguments = (
        "create",
        "cronjob",
        "nightly",
        "--image=busybox",
        "--schedule=0 3 * * *",
        "--",
        "echo",
        "hi",
    )
    assert cli.done(*arguments) == "cronjob.batch/nightly created\n"
    spec = cli.get(batch.CronJob, "nightly").spec
    pod = spec.jobTemplate.spec.template.spec
    assert (spec.schedule, pod.restartPolicy, list(pod.containers[0].command)) == (
        "0 3 * * *",
        "OnFailure",
        ["echo", "hi"],
    )
    assert cli("create", "cronjob", "x", "--image=busybox", "--schedule=often").code == 1


def test_a_quota_and_a_service_account(cli: Cli) -> None:
    value = made(cli, "quota", "small", "--hard=pods=2,cpu=1", "--scopes=BestEffort")
    assert value["spec"] == {"hard": {"cpu": "1", "pods": "2"}, "scopes": ["BestEffort"]}
    assert cli.done("create", "serviceaccount", "builder") == "serviceaccount/builder created\n"


@pytest.mark.parametrize(
    "arguments", [[], ["-f", "-", "namespace", "x"], ["namespec", "x"], ["secret", "gen", "x"]]
)
def test_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    assert cli("create", *arguments).code == 2

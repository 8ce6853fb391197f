"""knarr set, run against a server."""

import pytest

from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: prepare, image: busybox}]
      containers:
      - {name: main, image: nginx, env: [{name: OLD, value: "1"}]}
      - {name: side, image: busybox}
"""
CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}
"""
CONFIG_MAP = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {log.level: debug, size: '3'}\n"
)


def containers(cli: Cli) -> dict[str, core.Container]:
    return {each.name: each for each in cli.get(apps.Deployment, "web").spec.template.spec.containers}


def variables(cli: Cli, container: str = "main") -> dict[str, str]:
    return {each.name: each.value for each in containers(cli)[container].env}


def test_images(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    assert cli.done("set", "image", "deploy/web", "main=nginx:2") == "deployment.apps/web image updated\n"
    assert cli.done("set", "image", "deploy/web", "main=nginx:2") == "deployment.apps/web unchanged\n"
    assert [each.image for each in containers(cli).values()] == ["nginx:2", "busybox"]
    cli.done("set", "image", "deploy", "-l", "app=web", "*=all:1")
    spec = cli.get(apps.Deployment, "web").spec.template.spec
    assert {each.image for each in (*spec.containers, *spec.initContainers)} == {"all:1"}


def test_the_template_of_a_cron_job(cli: Cli) -> None:
    cli.make(CRON_JOB)
    assert (
        cli.done("set", "image", "cj", "nightly", "main=busybox:2") == "cronjob.batch/nightly image updated\n"
    )
    spec = cli.get(batch.CronJob, "nightly").spec.jobTemplate.spec.template.spec
    assert spec.containers[0].image == "busybox:2"


def test_variables(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    assert cli.done("set", "env", "deploy/web", "A=x=y", "OLD-") == "deployment.apps/web env updated\n"
    assert variables(cli) == {"A": "x=y"}
    cli.done("set", "env", "deploy/web", "-c", "side", "B=2")
    assert (variables(cli), variables(cli, "side")) == ({"A": "x=y"}, {"A": "x=y", "B": "2"})
    assert cli("set", "env", "deploy/web", "A=z", "--overwrite=false").code == 1
    assert variables(cli) == {"A": "x=y"}


def test_variables_from_a_config_map_may_become_texts_again(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    cli.make(CONFIG_MAP)
    cli.done("set", "env", "deploy/web", "-c", "main", "--from=configmap/settings", "--prefix=APP_")
    shown = cli.done("set", "env", "deploy/web", "-c", "main", "--list")
    assert shown.splitlines() == [
        "# deployment.apps/web, container main",
        "APP_LOG_LEVEL=<key log.level of config map settings>",
        "APP_SIZE=<key size of config map settings>",
        "OLD=1",
    ]
    cli.done("set", "env", "deploy/web", "-c", "main", "APP_SIZE=4")
    assert variables(cli)["APP_SIZE"] == "4"
    missing = cli("set", "env", "deploy/web", "--from=cm/settings", "--keys=none")
    assert (missing.code, missing.err) == (1, "configmap/settings has no key none\n")


def test_resources(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    arguments = ("set", "resources", "deploy/web", "-c", "main")
    cli.done(*arguments, "--requests=cpu=100m,memory=64Mi", "--limits=memory=128Mi")
    resources = containers(cli)["main"].resources
    assert {name: amount.string for name, amount in resources.requests.items()} == {
        "cpu": "100m",
        "memory": "64Mi",
    }
    assert not containers(cli)["side"].resources.requests
    assert cli.done(*arguments, "--requests=cpu-", "--dry-run").endswith("(server dry run)\n")
    cli.done(*arguments, "--requests=cpu-")
    assert list(containers(cli)["main"].resources.requests) == ["memory"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["image", "deploy/web", "nobody=x"], 1, 'no container "nobody"; it has main, side, prepare'),
        (["image", "cm/a", "main=x"], 1, "not found"),
        (["image", "deploy/web"], 2, "CONTAINER=IMAGE"),
        (["image", "deploy", "main=x"], 2, "no name was specified"),
        (["env", "deploy/web"], 2, "say which variables"),
        (["env", "deploy/web", "--from=deploy/web"], 2, "a config map or a secret"),
        (["resources", "deploy/web"], 2, "--requests or --limits"),
        (["resources", "deploy/web", "--limits=cpu=fast"], 1, "quantit"),
        (["imgae", "deploy/web"], 2, "did you mean"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused(cli: Cli, arguments: list[str], code: int, said: str) -> None:
    cli.make(DEPLOYMENT)
    outcome = cli("set", *arguments)
    assert outcome.code == code
    assert said in outcome.err

"""knarr rollout, run against a server; the replica sets are made as the controller makes them."""

import json

import pytest

from knarr.api.codec import object_to_dict
from knarr.cli.decisions.revisions import HASH, REVISION
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from tests.support.cli import Cli

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1"}]}
"""


def make_revision(cli: Cli, number: int, image: str, cause: str = "") -> None:
    """The deployment runs this image now, and has a replica set for it."""
    cli.done("set", "image", "deploy/web", f"main={image}")
    deployment = cli.get(apps.Deployment, "web")
    template = object_to_dict(deployment)["spec"]["template"]
    template["metadata"]["labels"][HASH] = str(number)
    metadata = {
        "name": f"web-{number}",
        "labels": template["metadata"]["labels"],
        "annotations": {REVISION: str(number), **({"kubernetes.io/change-cause": cause} if cause else {})},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": "web",
                "uid": deployment.metadata.uid,
                "controller": True,
            }
        ],
    }
    selector = {"matchLabels": template["metadata"]["labels"]}
    spec = {"selector": selector, "template": template, "replicas": 0}
    cli.make(json.dumps({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}))


def image(cli: Cli) -> str:
    return cli.get(apps.Deployment, "web").spec.template.spec.containers[0].image


@pytest.fixture
def rolled(cli: Cli) -> Cli:
    cli.make(DEPLOYMENT)
    make_revision(cli, 1, "nginx:1", "first")
    make_revision(cli, 2, "nginx:2")
    make_revision(cli, 10, "nginx:3", "upgrade")
    return cli


def test_history(rolled: Cli) -> None:
    assert [line.split() for line in rolled.done("rollout", "history", "deploy/web").splitlines()] == [
        ["deployment.apps/web"],
        ["REVISION", "CHANGE-CAUSE"],
        ["1", "first"],
        ["2", "<none>"],
        ["10", "upgrade"],
    ]
    shown = rolled.done("rollout", "history", "deploy/web", "--revision=2")
    assert "nginx:2" in shown
    assert HASH not in shown
    missing = rolled("rollout", "history", "deploy/web", "--revision=3")
    assert (missing.code, missing.err) == (1, "deployment.apps/web has no revision 3; known: 1, 2, 10\n")


def test_undo(rolled: Cli) -> None:
    rehearsal = rolled.done("rollout", "undo", "deploy/web", "--dry-run")
    assert rehearsal == "deployment.apps/web rolled back to revision 2 (server dry run)\n"
    assert image(rolled) == "nginx:3"
    assert rolled.done("rollout", "undo", "deploy/web", "--to-revision=1") == (
        "deployment.apps/web rolled back to revision 1\n"
    )
    assert image(rolled) == "nginx:1"
    again = rolled.done("rollout", "undo", "deploy/web", "--to-revision=1")
    assert again == "deployment.apps/web has the template of revision 1 already\n"


def test_nothing_to_go_back_to(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    assert cli("rollout", "undo", "deploy/web").err == "deployment.apps/web has no revision before this one\n"
    assert cli("rollout", "undo", "sts/web").code == 2


def test_pause_and_resume(rolled: Cli) -> None:
    assert rolled.done("rollout", "pause", "deploy/web") == "deployment.apps/web paused\n"
    assert rolled.done("rollout", "pause", "deploy/web") == "deployment.apps/web unchanged\n"
    for steering in (("undo", "deploy/web"), ("restart", "deploy/web")):
        assert "is paused" in rolled("rollout", *steering).err
    assert rolled.done("rollout", "resume", "deploy", "-l", "app=web") == "deployment.apps/web resumed\n"
    assert not rolled.get(apps.Deployment, "web").spec.paused
    assert rolled("rollout", "pause", "sts/web").code == 2


def test_restart(rolled: Cli) -> None:
    assert rolled.done("rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    annotations = rolled.get(apps.Deployment, "web").spec.template.metadata.annotations
    assert "kubectl.kubernetes.io/restartedAt" in annotations
    assert rolled("rollout", "restart", "cm/web").code == 2

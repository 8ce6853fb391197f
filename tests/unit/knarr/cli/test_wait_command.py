"""knarr wait, run against a server."""

from concurrent.futures import Future

import pytest

from knarr.api.codec import from_dict
from knarr.cli.decisions.awaiting import parse_goal
from knarr.cli.failure import Failure
from knarr.client import Client
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.cli import Cli

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
"""


def becomes_ready(cli: Cli) -> "Future[core.Pod]":
    """Its node says that the pod is ready, once somebody may be waiting for it."""
    pod = cli.get(core.Pod, "web")
    pod.status.phase = "Running"
    pod.status.conditions.add(type="Ready", status="True")
    return cli.server.start(cli.server.client.update_status(pod))


def test_a_condition(cli: Cli) -> None:
    cli.make(POD)
    early = cli("wait", "pod/web", "--for=condition=Ready", "--timeout=0")
    assert (early.code, early.err) == (3, "pod/web has not come to condition=Ready\n")
    coming = becomes_ready(cli)
    assert cli.done("wait", "pod", "-l", "app=web", "--for=condition=ready") == "pod/web condition met\n"
    coming.result(10)
    assert cli.done("wait", "po/web", "--for=jsonpath={.status.phase}=Running", "--timeout=0")
    late = cli("wait", "pod/web", "--for=condition=Ready=false", "--timeout=0.1s")
    assert (late.code, late.err) == (
        3,
        "timed out after 0.1 s waiting for condition=Ready=false of pod/web\n",
    )


def test_deletion(cli: Cli) -> None:
    cli.make(POD)
    held = cli("wait", "pod/web", "--for=delete", "--timeout=0.1s")
    assert held.code == 3
    cli.done("delete", "pod", "web", "--wait=false")
    assert cli.done("wait", "pod/web", "--for=delete") == "pod/web condition met\n"
    assert cli.done("wait", "pod", "-l", "app=web", "--for=delete") == ""


def test_creation(cli: Cli) -> None:
    async def create(client: Client) -> None:
        metadata = meta.ObjectMeta(name="late", namespace=cli.namespace)
        await client.create(core.ConfigMap(metadata=metadata))

    assert cli("wait", "cm/late", "--for=create", "--timeout=0.1s").code == 3
    cli.server.start(create(cli.server.client))
    assert cli.done("wait", "cm/late", "--for=create") == "configmap/late condition met\n"


def test_what_is_not_there_comes_to_no_condition(cli: Cli) -> None:
    missing = cli("wait", "pod/web", "--for=condition=Ready")
    assert (missing.code, missing.err) == (
        1,
        "Error from server (NotFound): pod/web does not exist, or was deleted\n",
    )
    assert cli("wait", "pod", "-l", "a=b", "--for=condition=Ready").err == "no such objects\n"
    assert cli("wait", "pod", "--for=condition=Ready").code == 2


STATUS = {
    "observedGeneration": 1,
    "conditions": [{"type": "Available", "status": "True"}],
    "readyReplicas": 2,
}


@pytest.mark.parametrize(
    ("goal", "generation", "met"),
    [
        ("condition=available", 1, True),
        ("condition=Available=True", 1, True),
        ("condition=Available=False", 1, False),
        ("condition=Available", 2, False),
        ("condition=Progressing", 1, False),
        ("jsonpath={.status.readyReplicas}=2", 1, True),
        ("jsonpath={.status.readyReplicas}=3", 1, False),
        ("jsonpath='{.status.readyReplicas}'", 1, True),
        ("jsonpath={.status.updatedReplicas}", 1, False),
        ('jsonpath={.status.conditions[?(@.type=="Available")].status}=True', 1, True),
        ("create", 1, True),
        ("delete", 1, False),
    ],
)
def test_goals(goal: str, generation: int, met: bool) -> None:
    value = {"metadata": {"name": "web", "generation": generation}, "status": STATUS}
    assert parse_goal(goal).met(from_dict(value, apps.Deployment)) is met


@pytest.mark.parametrize("goal", ["", "ready", "condition=", "jsonpath=", "jsonpath={.a[}", "delete=now"])
def test_no_goals(goal: str) -> None:
    with pytest.raises(Failure):
        parse_goal(goal)

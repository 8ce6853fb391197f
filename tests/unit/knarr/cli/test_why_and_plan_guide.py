"""docs/guides/why-and-plan.md: what its commands print is what the guide says they print."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from tests.support.cli import Cli, Server, api_server

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "why-and-plan.md"
TEXT = GUIDE.read_text()
FILES = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
RUN = re.findall(r"^<!-- run -->\n```console\n\$ knarr (.*?)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
RUNNING = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {{app: {app}}}
  ownerReferences: {owners}
spec:
  nodeName: alpha
  containers: [{{name: main, image: shop/db:1, resources: {{requests: {{cpu: 500m}}}}}}]
"""
OWNER = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, image: "shop/db:1"}]}
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: db}}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with api_server() as running:
        yield running


@pytest.fixture(scope="module")
def guided(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cli, Path]:
    """The cluster that the guide speaks of, and a folder with its files."""
    cli, folder = Cli(server, "shop"), tmp_path_factory.mktemp("guide")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    make_node(cli, "alpha", "4", "{}")
    make_node(cli, "beta", "8", "{unschedulable: true}")
    cli.make(OWNER)
    for name, kind in (("db-0", "StatefulSet"), ("db-1", "StatefulSet"), ("logs", "DaemonSet"), ("tool", "")):
        make_running(cli, name, kind)
    cli.make(BUDGET)
    budget = cli.get(policy.PodDisruptionBudget, "db")
    budget.status.disruptionsAllowed = 1
    cli.set_status(budget)
    cli.make(FILES["big.yaml"])
    return cli, folder


def make_node(cli: Cli, name: str, cpu: str, spec: str) -> None:
    cli.make(f"{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, spec: {spec}}}")
    node = cli.get(core.Node, name)
    for key, amount in (("cpu", cpu), ("memory", "8Gi"), ("pods", "110")):
        node.status.allocatable[key].string = amount
    cli.set_status(node)


def make_running(cli: Cli, name: str, kind: str) -> None:
    app = name.partition("-")[0]
    uid = cli.get(apps.StatefulSet, app).metadata.uid if kind == "StatefulSet" else app
    owner = f"{{apiVersion: apps/v1, kind: {kind}, name: {app}, uid: {uid}, controller: true}}"
    cli.make(RUNNING.format(name=name, app=app, owners=f"[{owner}]" if kind else "[]"))
    pod = cli.get(core.Pod, name)
    pod.status.phase = "Running"
    cli.set_status(pod)


@pytest.mark.parametrize(("arguments", "printed"), RUN, ids=[arguments for arguments, _ in RUN])
def test_a_command_prints_what_the_guide_says(
    arguments: str, printed: str, guided: tuple[Cli, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli, folder = guided
    monkeypatch.chdir(folder)
    assert cli(*shlex.split(arguments)).out == printed


def test_there_are_commands() -> None:
    assert len(RUN) == 3

"""knarr describe, run against a server."""

import json
from collections.abc import Iterator

import pytest

from knarr.api.kinds import KINDS, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from tests.support.cli import Cli, Server, api_server
from tests.support.every_kind import every_kind

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: nginx, resources: {requests: {cpu: 100m}}}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web-1, labels: {app: web}}
spec: {containers: [{name: main, image: nginx, ports: [{containerPort: 80}]}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-x, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080, protocol: TCP}]
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: false}}
"""
EVENT = """
apiVersion: v1
kind: Event
metadata: {name: web-1.1}
involvedObject: {kind: Pod, name: web-1, namespace: NAMESPACE}
type: Warning
reason: FailedScheduling
message: 0/3 nodes are available
count: 4
"""


@pytest.fixture(scope="module")
def everything() -> Iterator[Cli]:
    """A namespace with one object of every kind, on a server of its own."""
    with api_server() as server:
        cli = Cli(server, "default")
        for document in every_kind().values():
            cli.make(json.dumps(document))
        yield cli


def samples() -> dict[str, Kind]:
    return {kind.name: kind for kind in KINDS if kind in every_kind()}


@pytest.mark.parametrize("kind", samples().values(), ids=samples())
def test_every_kind_has_a_description(everything: Cli, kind: Kind) -> None:
    shown = everything.done("describe", kind.plural, "sample")
    assert shown.startswith("Name:")
    assert "sample" in shown.splitlines()[0]
    assert shown.splitlines()[-1].startswith(("Events:", "    Warning", "    Normal", "  "))
    assert "<knarr" not in shown


def test_a_pod_with_its_events(cli: Cli) -> None:
    cli.make(POD)
    cli.make(EVENT.replace("NAMESPACE", cli.namespace))
    shown = cli.done("describe", "pod", "web-1")
    assert "Ports:  80/TCP" in " ".join(shown.split()).replace("Ports: 80", "Ports:  80")
    assert "FailedScheduling" in shown
    assert "0/3 nodes are available (x4)" in shown
    assert "FailedScheduling" not in cli.done("describe", "pod", "web-1", "--show-events=false")


def test_a_deployment_with_what_keeps_its_pods_from_running(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    cli.make(POD)
    pod = cli.get(core.Pod, "web-1")
    pod.status.conditions.add(type="PodScheduled", status="False", message="no node has 4 GPUs")
    cli.set_status(pod)
    shown = cli.done("describe", "deploy/web")
    assert "2 desired | 0 updated | 0 total | 0 available | 0 unavailable" in shown
    assert "cannot be scheduled: no node has 4 GPUs" in shown


def test_a_node_with_what_its_pods_ask_for_as_the_scheduler_counts_it(cli: Cli) -> None:
    cli.make("apiVersion: v1\nkind: Node\nmetadata: {name: counted}\n")
    asking = "image: i, resources: {requests: {cpu: 100m, memory: 8Mi}}"
    cli.make(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1}\nspec:\n  nodeName: counted\n"
        f"  initContainers: [{{name: side, restartPolicy: Always, {asking}}}]\n"
        f"  containers: [{{name: main, {asking}}}]\n"
    )
    assert "web-1 200m 16Mi" in " ".join(cli.done("describe", "node", "counted").split())


def test_a_service_with_its_endpoints(cli: Cli) -> None:
    cli.make(SERVICE)
    lines = [" ".join(line.split()) for line in cli.done("describe", "svc", "web").splitlines()]
    assert "- 80/TCP http -" in lines
    assert "Endpoints: 10.0.0.1:8080" in lines
    assert "Not ready: 10.0.0.2:8080" in lines


def test_a_budget_says_how_many_may_go(cli: Cli) -> None:
    cli.make(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
        "spec: {maxUnavailable: 25%, selector: {matchLabels: {app: web}}}\n"
    )
    budget = cli.get(policy.PodDisruptionBudget, "web")
    budget.status.disruptionsAllowed = 2
    cli.set_status(budget)
    shown = " ".join(cli.done("describe", "pdb", "web").split())
    assert "Max unavailable: 25%" in shown
    assert "May be disrupted: 2 now" in shown


def test_conditions_of_any_kind_are_a_table(cli: Cli) -> None:
    cli.make(
        "apiVersion: scheduling.k8s.io/v1alpha3\nkind: PodGroup\nmetadata: {name: train}\n"
        "spec: {schedulingPolicy: {gang: {minCount: 4}}}\n"
    )
    group = cli.get(groups.PodGroup, "train")
    group.status.conditions.add(type="PodGroupScheduled", status="False", reason="Waiting", message="for two")
    cli.set_status(group)
    lines = [line.split() for line in cli.done("describe", "podgroup", "train").splitlines()]
    after = lines[lines.index(["Conditions:"]) + 1 :]
    assert after[:2] == [
        ["TYPE", "STATUS", "REASON", "MESSAGE"],
        ["PodGroupScheduled", "False", "Waiting", "for", "two"],
    ]


def test_the_beginning_of_a_name(cli: Cli) -> None:
    cli.make(POD)
    cli.make(POD.replace("web-1", "web-2"))
    shown = cli.done("describe", "pod", "web")
    assert shown.count("Name: ") == 2
    missing = cli("describe", "pod", "db")
    assert (missing.code, missing.err) == (1, 'Error from server (NotFound): pods "db" not found\n')
    assert cli("describe", "pod", "-l", "app=db").code == 1


def test_what_is_in_files_and_what_has_labels(cli: Cli, server: Server) -> None:
    cli.make(POD)
    assert cli.done("describe", "-f", "-", given=POD) == cli.done("describe", "pod", "-l", "app=web")

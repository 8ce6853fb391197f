"""knarr why, run against a server: what it prints, and for whom."""

import json

import click

from knarr.cli.commands.why import command
from knarr.cli.invocation import Invocation
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli

NODES = """\
apiVersion: v1
kind: Node
metadata: {name: alpha}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: beta}
spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}
status: {allocatable: {cpu: "8", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: big}
spec:
  containers: [{name: main, image: shop/web:2, resources: {requests: {cpu: "6"}}}]
"""


def make_nodes(cli: Cli) -> None:
    if cli("get", "node", "alpha").code:
        cli.make(NODES)
        for name in ("alpha", "beta"):
            node = cli.get(core.Node, name)
            cpu = {"alpha": "4", "beta": "8"}[name]
            for key, amount in (("cpu", cpu), ("memory", "8Gi"), ("pods", "110")):
                node.status.allocatable[key].string = amount
            node.status.conditions.add(type="Ready", status="True")
            cli.set_status(node)


def test_a_pod_that_no_node_takes(cli: Cli) -> None:
    make_nodes(cli)
    cli.make(POD)
    assert cli.done("why", "big").splitlines() == [
        "pod/big has no node: 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable",
        "",
        "Nodes refused:",
        "  node(s) were unschedulable   1   beta",
        "  Insufficient cpu             1   alpha",
        "",
        "Nearest nodes:",
        "  alpha",
        "    has 4 cpu in all, less than the pod's 6",
        "  beta",
        "    is cordoned",
        "",
        "It would run if you did one of these (each was tried):",
        "  - uncordon node beta (then node beta takes it)",
        "      knarr uncordon beta",
        "  - lower the cpu request of container main from 6 to 4 (then node alpha takes it)",
        "  - add a node like beta (then a new node takes it)",
    ]


def test_a_pod_with_gates(cli: Cli) -> None:
    cli.make(POD + "  schedulingGates: [{name: team.example/quota}]\n")
    assert cli.done("why", "pod/big").splitlines() == [
        "pod/big waits for its gates: it is not scheduled before the scheduling gate team.example/quota is "
        "taken away",
        "  whoever set a gate takes it away when what it stands for is done",
    ]


def test_a_pod_of_another_scheduler(cli: Cli) -> None:
    cli.make(POD + "  schedulerName: theirs\n")
    told = cli.done("why", "big").splitlines()
    assert told[0] == (
        "pod/big has no scheduler: it names the scheduler theirs, which this control plane has no profile for"
    )
    assert told[2] == "What to do:"


def test_a_pod_whose_group_is_missing(cli: Cli) -> None:
    cli.make(POD + "  schedulingGroup: {podGroupName: train}\n")
    assert cli.done("why", "big").splitlines()[0] == (
        f"pod/big waits for its gang: it waits for its PodGroup {cli.namespace}/train, which does not exist"
    )


GROUP = """\
apiVersion: scheduling.k8s.io/v1alpha3
kind: PodGroup
metadata: {name: train}
spec: {schedulingPolicy: {gang: {minCount: 3}}}
"""


def test_a_pod_whose_gang_is_incomplete(cli: Cli) -> None:
    cli.make(GROUP)
    cli.make(POD + "  schedulingGroup: {podGroupName: train}\n")
    told = " ".join(cli.done("why", "big").split())
    assert (
        f"its gang {cli.namespace}/train gets nodes for 3 pods at once or for none, and has 1 so far" in told
    )


def test_a_pod_whose_gang_does_not_fit(cli: Cli) -> None:
    make_nodes(cli)
    cli.make(GROUP)
    for name in ("one", "two", "three"):
        pod = POD.replace("big", name).replace('"6"', '"2"')
        cli.make(pod + "  schedulingGroup: {podGroupName: train}\n")
    told = cli.done("why", "two")
    assert f"2 of 3 pods of gang {cli.namespace}/train fit at once" in told
    assert "is 2 cpu short: 0 of 4 is free" in told
    assert "uncordon node beta (then node beta takes it)" in told


def test_a_deployment_and_its_worst_pod(cli: Cli) -> None:
    cli.make(DEPLOYMENT)
    deployment = cli.get(apps.Deployment, "web")
    deployment.status.observedGeneration = deployment.metadata.generation
    deployment.status.replicas = deployment.status.updatedReplicas = 1
    cli.set_status(deployment)
    cli.make(replica_set(deployment.metadata.uid))
    owner = cli.get(apps.ReplicaSet, "web-1")
    cli.make(owned_pod(owner.metadata.uid))
    pod = cli.get(core.Pod, "web-1-a")
    pod.status.phase = "Running"
    crashed = pod.status.containerStatuses.add(name="main", restartCount=7, image="shop/web:2")
    crashed.state.waiting.reason = "CrashLoopBackOff"
    crashed.lastState.terminated.exitCode = 3
    cli.set_status(pod)
    make_nodes(cli)
    assert cli.done("why", "deploy/web").splitlines() == [
        "deployment/web crashes: 0 of 1 pod is ready",
        "",
        "pod/web-1-a crashes: container main ends again and again (restarted 7 times): its last run ended "
        "with exit code 3",
    ]
    whole = json.loads(cli.done("why", "deploy/web", "-o", "json"))
    assert whole["verdict"] == "CRASHING"
    assert whole["worst"]["containers"][0]["exitCode"] == 3


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "shop/web:2"}]}
"""


def replica_set(uid: str) -> str:
    owner = f"{{apiVersion: apps/v1, kind: Deployment, name: web, uid: {uid}, controller: true}}"
    return DEPLOYMENT.replace("kind: Deployment", "kind: ReplicaSet", 1).replace(
        "{name: web}", f"{{name: web-1, ownerReferences: [{owner}]}}", 1
    )


def owned_pod(uid: str) -> str:
    owner = f"{{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: {uid}, controller: true}}"
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web-1-a, labels: {{app: web}}, ownerReferences: [{owner}]}}
spec:
  nodeName: alpha
  containers: [{{name: main, image: "shop/web:2"}}]
"""


def test_what_is_not_there(cli: Cli) -> None:
    outcome = cli("why", "nothing")
    assert (outcome.code, outcome.err) == (1, 'Error from server (NotFound): pods "nothing" not found\n')


def test_a_service_that_selects_nothing(cli: Cli) -> None:
    cli.make(
        "{apiVersion: v1, kind: Service, metadata: {name: web}, "
        "spec: {selector: {app: shop}, ports: [{port: 80}]}}"
    )
    assert cli.done("why", "svc/web").splitlines()[0] == (
        "service/web is stuck: no pod of the namespace has the labels that it selects (app=shop)"
    )


def test_names_are_completed(cli: Cli) -> None:
    cli.make(POD)
    context = click.Context(command, info_name="why", obj=Invocation())
    context.params |= {"server": cli.server.address, "namespace": cli.namespace}
    (argument,) = (param for param in command.params if param.name == "names")
    assert [item.value for item in argument.shell_complete(context, "bi")] == ["big"]
    assert "deployments" in [item.value for item in argument.shell_complete(context, "deploy")]

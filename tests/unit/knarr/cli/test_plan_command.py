"""knarr plan, run against a server: what would change, where pods would go, and that nothing is written."""

from collections.abc import Iterator

import pytest

from control_plane.store.memory import MemoryStore
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire
from tests.support.cli import Cli, Server, api_server

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: shop/web:1
        resources: {requests: {cpu: "1"}}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with api_server() as running:
        yield running


@pytest.fixture
def cli(server: Server) -> Cli:
    return Cli(server, "shop")


def make_node(cli: Cli, name: str, cpu: str) -> None:
    cli.make(f"{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}}}")
    node = cli.get(core.Node, name)
    for key, amount in (("cpu", cpu), ("memory", "8Gi"), ("pods", "110")):
        node.status.allocatable[key].string = amount
    cli.set_status(node)


def make_pod(cli: Cli, name: str, node: str, *, cpu: str = "1", owner: str = "", labels: str = "{}") -> None:
    owners = f"[{owner}]" if owner else "[]"
    cli.make(
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {labels}, "
        f"ownerReferences: {owners}}}, spec: {{nodeName: {node}, containers: "
        f"[{{name: main, image: a, resources: {{requests: {{cpu: '{cpu}'}}}}}}]}}}}"
    )
    pod = cli.get(core.Pod, name)
    pod.status.phase = "Running"
    pod.status.conditions.add(type="Ready", status="True")
    cli.set_status(pod)


def owned(uid: str, kind: str = "ReplicaSet", name: str = "other", group: str = "apps") -> str:
    return f"{{apiVersion: {group}/v1, kind: {kind}, name: {name}, uid: {uid}, controller: true}}"


def revision(cli: Cli) -> int:
    store = cli.server.world.store
    assert isinstance(store, MemoryStore)
    return store.backend.revision


def test_a_new_deployment(cli: Cli) -> None:
    make_node(cli, "alpha", "4")
    make_node(cli, "beta", "2")
    before = revision(cli)
    lines = cli.done("plan", "-f", "-", given=DEPLOYMENT).splitlines()
    assert lines[:5] == [
        "deployment/web would be created",
        "",
        "New pods: 3",
        "  OWNER            NODE    PODS   NAMES",
        "  deployment/web   alpha   2      " + ", ".join(_names(lines, "alpha")),
    ]
    assert len(_names(lines, "alpha")) == 2
    assert len(_names(lines, "beta")) == 1
    assert revision(cli) == before
    assert cli("get", "deployment", "web").code == 1


def _names(lines: list[str], node: str) -> list[str]:
    row = next(line for line in lines if line.split()[1:2] == [node])
    return [name.strip(",") for name in row.split()[3:]]


def test_pods_that_would_wait(cli: Cli) -> None:
    make_node(cli, "alpha", "2")
    outcome = cli("plan", "-f", "-", "--exit-code", given=DEPLOYMENT)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert "New pods: 2" in lines
    assert "Pods that would wait: 1" in lines
    assert "    0/1 nodes are available: 1 Insufficient cpu." in lines
    assert "      - add a node like alpha (then a new node takes it)" in lines
    assert cli("plan", "-f", "-", given=DEPLOYMENT).code == 0


def test_the_same_namespace_and_class_may_be_new(cli: Cli) -> None:
    make_node(cli, "alpha", "4")
    text = "\n---\n".join(
        (
            "{apiVersion: v1, kind: Namespace, metadata: {name: fresh}}",
            "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}",
            DEPLOYMENT.replace("{name: web}", "{name: web, namespace: fresh}", 1).replace(
                "    spec:\n", "    spec:\n      priorityClassName: high\n", 1
            ),
        )
    )
    lines = cli.done("plan", "-f", "-", "-n", "fresh", given=text).splitlines()
    assert lines[:3] == [
        "namespace/fresh would be created",
        "priorityclass/high would be created",
        "deployment/web would be created",
    ]
    assert "New pods: 3" in lines


def test_a_rollout_ends_with_the_new_pods_alone(cli: Cli) -> None:
    for name in ("alpha", "beta"):
        make_node(cli, name, "4")
    cli.make(DEPLOYMENT)
    roll_out(cli)
    before = revision(cli)
    changed = DEPLOYMENT.replace("web:1", "web:2").replace("replicas: 3", "replicas: 2")
    lines = cli.done("plan", "-f", "-", "--force", given=changed).splitlines()
    assert lines[:3] == [
        "deployment/web would be configured",
        "  spec.replicas: 3 -> 2",
        '  spec.template.spec.containers[main].image: "shop/web:1" -> "shop/web:2"',
    ]
    assert "New pods: 2" in lines
    assert "Pods that would go: 3" in lines
    assert sum("removed by its controller" in line for line in lines) == 3
    assert revision(cli) == before


def roll_out(cli: Cli) -> None:
    """As controllers and agents do it."""
    deployment = cli.get(apps.Deployment, "web")
    template = DEPLOYMENT.partition("  template:")[2]
    digest = "abc"
    cli.make(
        "apiVersion: apps/v1\nkind: ReplicaSet\n"
        f"metadata: {{name: web-{digest}, labels: {{app: web, pod-template-hash: {digest}}}, "
        f"ownerReferences: [{owned(deployment.metadata.uid, 'Deployment', 'web')}]}}\n"
        f"spec:\n  replicas: 3\n  selector: {{matchLabels: {{app: web, pod-template-hash: {digest}}}}}\n"
        f"  template:{template.replace('{app: web}', f'{{app: web, pod-template-hash: {digest}}}')}"
    )
    owner = cli.get(apps.ReplicaSet, f"web-{digest}")
    for number in range(3):
        make_pod(
            cli,
            f"web-{digest}-{number}",
            ("alpha", "beta")[number % 2],
            owner=owned(owner.metadata.uid, name=f"web-{digest}"),
            labels=f"{{app: web, pod-template-hash: {digest}}}",
        )


def test_a_rollout_that_has_no_room_stops(cli: Cli) -> None:
    make_node(cli, "alpha", "2")
    make_node(cli, "beta", "1")
    cli.make(DEPLOYMENT)
    roll_out(cli)
    outcome = cli("plan", "-f", "-", "--force", given=DEPLOYMENT.replace("web:1", "web:2"))
    assert "Pods that would wait: 1" in outcome.out.splitlines()
    assert "0/2 nodes are available: 2 Insufficient cpu." in outcome.out


def test_preemption_names_its_victims(cli: Cli) -> None:
    make_node(cli, "alpha", "2")
    make_pod(cli, "small", "alpha", cpu="2")
    cli.make("{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}")
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: big}
spec:
  priorityClassName: high
  containers: [{name: main, image: a, resources: {requests: {cpu: "2"}}}]
"""
    lines = cli.done("plan", "-f", "-", given=text).splitlines()
    assert lines == [
        "pod/big would be created",
        "",
        "New pods: 1",
        "  OWNER   NODE    PODS   NAMES",
        "  -       alpha   1      big",
        "",
        "Pods that would go: 1",
        "  POD          NODE    OWNER   WHY",
        "  shop/small   alpha   -       evicted for shop/big; nothing makes another in its place",
    ]


OURS = owned("one", "Crew", group="shop.example")  # of a kind that only its own controller knows


def test_without_a_node(cli: Cli) -> None:
    for name, cpu in (("alpha", "4"), ("beta", "2")):
        make_node(cli, name, cpu)
    make_pod(cli, "a", "alpha", owner=OURS, labels="{app: web}")
    make_pod(cli, "b", "alpha", cpu="2", owner=OURS, labels="{app: web}")
    make_pod(cli, "alone", "alpha")
    make_pod(cli, "daemon", "alpha", owner=owned("two", "DaemonSet", "logs"))
    make_budget(cli)
    before = revision(cli)
    lines = cli.done("plan", "--without", "alpha").splitlines()
    assert lines == [
        "New pods: 1",
        "  OWNER        NODE   PODS   NAMES",
        "  crew/other   beta   1      a-again",
        "",
        "Pods that would wait: 1",
        "  crew/other: b-again",
        "    0/1 nodes are available: 1 Insufficient cpu.",
        "",
        "    Nodes refused:",
        "      Insufficient cpu   1   beta",
        "",
        "    Nearest nodes:",
        "      beta",
        "        is 1 cpu short: 1 of 2 is free",
        "",
        "    It would run if you did one of these (each was tried):",
        "      - lower the cpu request of container main from 2 to 1 (then node beta takes it)",
        "      - add a node like beta (then a new node takes it)",
        "",
        "Pods that would go: 4",
        "  POD           NODE    OWNER            WHY",
        "  shop/a        alpha   crew/other       lost with its node; another is made in its place",
        "  shop/alone    alpha   -                lost with its node; nothing makes another in its place",
        "  shop/b        alpha   crew/other       lost with its node; another is made in its place",
        "  shop/daemon   alpha   daemonset/logs   lost with its node; nothing makes another in its place",
        "",
        "Disruption budgets broken:",
        "  shop/web: 2 of its pods would go at once, 1 may",
    ]
    assert revision(cli) == before


def make_budget(cli: Cli) -> None:
    cli.make(
        "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, "
        "spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}}"
    )
    budget = cli.get(policy.PodDisruptionBudget, "web")
    budget.status.disruptionsAllowed = 1
    cli.set_status(budget)


def test_a_node_that_there_is_not(cli: Cli) -> None:
    outcome = cli("plan", "--without", "nowhere")
    assert (outcome.code, outcome.err) == (1, 'Error from server (NotFound): nodes "nowhere" not found\n')


def test_what_would_be_refused(cli: Cli) -> None:
    outcome = cli("plan", "-f", "-", given=DEPLOYMENT.replace("replicas: 3", "replicas: -3"))
    assert outcome.code == 1
    assert outcome.out.startswith("deployment/web would be refused: ")
    assert "must be greater than or equal to 0" in outcome.out


def test_nothing_to_plan(cli: Cli) -> None:
    outcome = cli("plan")
    assert (outcome.code, outcome.err) == (2, "say what to plan: -f FILE|DIR|URL|-, or --without NODE\n")


def test_a_document_that_cannot_be_read_is_refused_in_its_place(cli: Cli) -> None:
    make_node(cli, "alpha", "4")
    bodies = [
        f'{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}{more}}}'
        for name, more in _MAPS
    ]
    requests = [
        wire.ApplyRequest(
            reference=wire.Reference(api_version="v1", kind="ConfigMap", namespace="shop", name=name),
            body=wire.Body(json=body.encode()),
            options=wire.WriteOptions(field_manager="tests"),
        )
        for (name, _), body in zip(_MAPS, bodies, strict=True)
    ]
    answer = cli.server.call(cli.server.client.plan(requests))
    assert [one.reference.name for one in answer.objects] == ["a", "b", "c"]
    assert [one.outcome for one in answer.objects] == [wire.CREATED, wire.UNSPECIFIED, wire.CREATED]
    assert "dat: unknown field; did you mean data?" in answer.objects[1].refusal.message


_MAPS = (("a", ""), ("b", ', "dat": {}'), ("c", ""))

"""`knarr why`, `knarr plan` and `knarr bench` as people use them: real processes, a real engine, pods that
fail in the ways in which pods fail."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cluster import RealCluster, is_ready, until

pytestmark = [pytest.mark.docker, pytest.mark.etcd, pytest.mark.timeout(240)]

TROUBLE_TIMEOUT_S = 90.0
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        imagePullPolicy: IfNotPresent
        command: [sleep, "3600"]
        resources: {requests: {cpu: 100m}}
"""
TROUBLES = """\
apiVersion: v1
kind: Pod
metadata: {name: typo}
spec:
  containers: [{name: main, image: "shop/wbe:2", imagePullPolicy: Never}]
---
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "echo no database at db:5432; exit 3"]
---
apiVersion: v1
kind: Pod
metadata: {name: cold}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "echo warming up; sleep 3600"]
    readinessProbe: {exec: {command: [sh, -c, "echo the cache is cold; exit 1"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec:
  containers: [{name: main, image: busybox, resources: {requests: {cpu: "900"}}}]
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The command line, pointed at the cluster."""

    cluster: RealCluster
    folder: Path

    def __call__(self, *arguments: str, given: str = "") -> str:
        command = [sys.executable, "-m", "knarr.cli.main", "--server", self.cluster.address, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, input=given)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def knarr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("why")
    cluster = RealCluster(folder)
    try:
        asyncio.run(cluster.start())
        program = Program(cluster, folder)
        program("apply", "-f", "-", given=f"{WEB}---\n{TROUBLES}")
        asyncio.run(_in_trouble(cluster))
        yield program
    finally:
        cluster.stop()


async def _in_trouble(cluster: RealCluster) -> None:
    """Wait until every pod has come to what it is to be asked about."""

    async def come_to_it(client: Client) -> bool:
        pods = {pod.metadata.name: pod for pod in (await client.list(core.Pod, "default")).items}
        events = (await client.list(core.Event, "default")).items
        waiting = {
            name: status.state.waiting.reason
            for name, pod in pods.items()
            for status in pod.status.containerStatuses
        }
        web = [pod for name, pod in pods.items() if name.startswith("web-")]
        return (
            waiting.get("typo") == "ErrImageNeverPull"
            and waiting.get("crash") == "CrashLoopBackOff"
            and any(one.reason == "Unhealthy" for one in events)
            and any(one.reason == "FailedScheduling" for one in events)
            and len(web) == 2
            and all(map(is_ready, web))
        )

    async with await cluster.client() as client:
        await until(lambda: come_to_it(client), TROUBLE_TIMEOUT_S, f"pods in trouble\n{cluster.logs()}")


SAID: dict[str, tuple[str, ...]] = {
    "typo": (
        "pod/typo cannot start: container main has no image: shop/wbe:2 is not on the node "
        "(ErrImageNeverPull)",
        "  - load the image on the node, or let imagePullPolicy be IfNotPresent",
    ),
    "crash": (
        "pod/crash crashes: container main ends again and again",
        "with exit code 3",
        "Log of container main of its last run, the last lines:\n  no database at db:5432\n",
    ),
    "cold": (
        "pod/cold is not ready: container main runs but is not ready: "
        "Readiness probe failed: the cache is cold",
        "Log of container main, the last lines:\n  warming up\n",
    ),
    "huge": (
        "pod/huge has no node: 0/2 nodes are available: 2 Insufficient cpu",
        "  - lower the cpu request of container main from 900 to ",
    ),
    "deployment/web": ("deployment/web is well: 2 of 2 pods are ready; nothing is wrong",),
}


@pytest.mark.parametrize("name", SAID)
def test_why(knarr: Program, name: str) -> None:
    told = knarr("why", name)
    for part in SAID[name]:
        assert part in told


def test_what_is_suggested_works(knarr: Program) -> None:
    """The change that `knarr why` names is made, as it is written, and the pod is scheduled."""
    told = knarr("why", "huge")
    line = next(line for line in told.splitlines() if "lower the cpu request" in line)
    amount = line.partition(" to ")[2].split()[0]
    huge = TROUBLES.rpartition("---\n")[2].replace('"900"', f'"{amount}"').replace("huge", "fitting")
    knarr("apply", "-f", "-", given=huge)
    assert knarr("get", "pod", "fitting", "-o", "name") == "pod/fitting\n"
    _until(lambda: knarr("get", "pod", "fitting", "-o", "jsonpath={.spec.nodeName}") in ("alpha", "beta"))
    knarr("delete", "pod", "fitting", "--force", "--grace-period=0")


def _until(check: Callable[[], bool]) -> None:
    async def checked() -> bool:
        return await asyncio.to_thread(check)

    asyncio.run(until(checked, 30.0, "the condition"))


def test_the_condition_has_a_hint(knarr: Program) -> None:
    path = "{.status.conditions[?(@.type=='PodScheduled')].message}"
    message = knarr("get", "pod", "huge", "-o", f"jsonpath={path}")
    assert message.startswith("0/2 nodes are available: 2 Insufficient cpu. The pod requests 900 cpu, and ")


def test_plan_and_nothing_is_done(knarr: Program) -> None:
    before = knarr("get", "all", "-o", "name"), knarr("get", "deploy", "web", "-o", "yaml")
    changed = WEB.replace("replicas: 2", "replicas: 3").replace("3600", "7200")
    lines = knarr("plan", "-f", "-", given=changed).splitlines()
    assert lines[:3] == [
        "deployment/web would be configured",
        "  spec.replicas: 2 -> 3",
        '  spec.template.spec.containers[main].command: ["sleep", "3600"] -> ["sleep", "7200"]',
    ]
    assert "New pods: 3" in lines
    assert "Pods that would go: 2" in lines
    assert (knarr("get", "all", "-o", "name"), knarr("get", "deploy", "web", "-o", "yaml")) == before


def test_plan_without_a_node(knarr: Program) -> None:
    told = knarr("plan", "--without", "alpha")
    assert "lost with its node" in told
    placed = told.partition("Pods that would go")[0]
    assert " beta " in placed or "New pods" not in placed
    assert " alpha " not in placed


def test_record_and_replay(knarr: Program) -> None:
    path = str(knarr.folder / "cluster.knarr.gz")
    assert knarr("bench", "record", "-o", path, "--anonymise").startswith(f"{path}: 2 nodes, 6 pods, ")
    told = knarr("bench", "replay", path, "--all")
    assert "anonymised recording" in told
    assert "placed 5 of 6 pods" in told
    assert "0/2 nodes are available: 2 Insufficient cpu." in told

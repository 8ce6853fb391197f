"""What bad input gets from the real program: path, value, reason, the right exit code, and nothing done."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knarr.errors import Conflict
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from tests.support.cluster import RealCluster

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

GOOD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: nginx}]
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    """The command line, pointed at the server under test."""

    cluster: RealCluster
    folder: Path

    def __call__(self, *arguments: str, server: str = "") -> Ran:
        command = [sys.executable, "-m", "knarr.cli.main", "--server", server or self.cluster.address]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def apply(self, text: str, *more: str) -> Ran:
        file = self.folder / "given.yaml"
        file.write_text(text)
        return self("apply", "-f", str(file), *more)


@pytest.fixture(scope="module")
def knarr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("bad-input")
    cluster = RealCluster(folder, nodes=())
    cluster.start_server()
    try:
        asyncio.run(_first_namespaces(cluster))
        yield Program(cluster, folder)
    finally:
        cluster.stop()


async def _first_namespaces(cluster: RealCluster) -> None:
    await cluster.nodes_ready()
    async with await cluster.client() as client:
        await client.list(apps.Deployment, "default")


def other(text: str, old: str, new: str) -> str:
    """The text with one thing changed."""
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("a: [1,\nb: 2\n", ["given.yaml:3:1", "not YAML"], id="malformed YAML"),
        pytest.param(
            other(GOOD, "containers:", "contaners:"),
            ["given.yaml:10:", "spec.template.spec.contaners: unknown field; did you mean containers?"],
            id="unknown field",
        ),
        pytest.param(
            other(GOOD, "replicas: 1", 'replicas: "two"'),
            ["given.yaml:5:", "spec.replicas: expected a whole number", '"two"'],
            id="wrong type",
        ),
        pytest.param(
            other(GOOD, "replicas: 1", "replicas: -1"),
            ["given.yaml:5:", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
            id="negative replicas",
        ),
        pytest.param(
            other(GOOD, "matchLabels: {app: web}", "matchLabels: {app: other}"),
            ["spec.template.metadata.labels: Invalid value", "`selector` does not match template `labels`"],
            id="selector that does not match",
        ),
        pytest.param(
            other(GOOD, "name: web}", "name: Web_1}"),
            ['metadata.name: Invalid value: "Web_1"', "RFC 1123"],
            id="name that is no DNS label",
        ),
        pytest.param(
            other(GOOD, "image: nginx", "image: nginx, resources: {requests: {memory: 1.5.5Gi}}"),
            ["resources.requests[memory]", '"1.5.5Gi" is not a quantity'],
            id="quantity",
        ),
        pytest.param(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata: {{a: {'x' * 5_000_000}}}\n",
            ["given.yaml", "longer than 3 MiB"],
            id="5 MB object",
        ),
        pytest.param(
            other(GOOD, "image: nginx", "image: nginx, lifecycle: {preStop: {exec: {command: [x]}}}"),
            ["containers[0].lifecycle.preStop", "not supported by Knarr"],
            id="field that is not honoured",
        ),
        pytest.param(
            other(GOOD, "{app: web}}\n    spec", "{app: yes}}\n    spec"),
            ["metadata.labels[app]", "the boolean true", 'put it in quotes: "yes"'],
            id="yes for a string",
        ),
        pytest.param(
            GOOD + "---\n" + other(other(GOOD, "name: web}", "name: web2}"), "replicas: 1", "replicas: -1"),
            ["deployment.apps/web2: spec.replicas: Invalid value: -1", "nothing was applied"],
            id="one of two objects",
        ),
    ],
)
def test_refused_before_anything_is_done(knarr: Program, text: str, sentences: list[str]) -> None:
    ran = knarr.apply(text)
    assert ran.code == 1
    for sentence in sentences:
        assert sentence in ran.err
    assert knarr("get", "deployments,configmaps", "-o", "name").out == ""


def test_object_too_large_for_the_store(knarr: Program) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata: {{a: {'x' * 2_000_000}}}\n"
    ran = knarr.apply(text)
    assert ran.code == 1
    assert "Too long" in ran.err or "too large" in ran.err


def test_immutable_field_and_stale_version(knarr: Program) -> None:
    assert knarr.apply(GOOD).out == "deployment.apps/web created\n"
    assert knarr.apply(GOOD).out == "deployment.apps/web unchanged\n"
    ran = knarr.apply(GOOD.replace("app: web", "app: web9"))
    assert (ran.code, "spec.selector" in ran.err, "field is immutable" in ran.err) == (1, True, True)
    asyncio.run(_stale_version(knarr.cluster))
    assert knarr("delete", "deployment", "web").code == 0


async def _stale_version(cluster: RealCluster) -> None:
    async with await cluster.client() as client:
        old = await client.get(apps.Deployment, "default", "web")
        newer = await client.get(apps.Deployment, "default", "web")
        newer.metadata.labels["a"] = "b"
        await client.update(newer)
        old.metadata.labels["a"] = "c"
        with pytest.raises(Conflict, match="the object has been modified"):
            await client.update(old)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("get", "foos"), 1, 'doesn\'t have a resource type "foos"'),
        (("get", "deplyments"), 1, 'did you mean "deployments"?'),
        (("get", "pod", "nope"), 1, 'pods "nope" not found'),
        (("get", "pods", "-l", "a in b"), 1, "found 'b' expected: '('"),
        (("get",), 2, "which kind"),
        (("gte", "pods"), 2, "did you mean `knarr get`?"),
        (("get", "pods", "--wat"), 2, "--watch"),
        (("apply", "-f", "/nonexistent.yaml"), 1, "/nonexistent.yaml"),
        (("scale", "deployment/web", "--replicas", "-1"), 2, "-1"),
    ],
)
def test_exit_codes(knarr: Program, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    ran = knarr(*arguments)
    assert (ran.code, sentence in ran.err) == (code, True), ran.err


def test_no_control_plane_there(knarr: Program) -> None:
    ran = knarr("get", "pods", server="127.0.0.1:1")
    assert ran.code == 4
    assert "no control plane answers at 127.0.0.1:1" in ran.err


def test_waiting_has_an_end_and_says_why(knarr: Program) -> None:
    ran = knarr.apply(GOOD, "--wait", "--timeout", "4s")
    assert ran.code == 3
    assert "timed out after 4 s waiting for deployment.apps/web" in ran.err
    assert "no nodes available" in ran.err or "0/0 nodes are available" in ran.err
    assert knarr("delete", "deployment", "web").code == 0


def test_etcd_that_does_not_answer(knarr: Program) -> None:
    pid = knarr.cluster.etcd_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        read = knarr("--request-timeout", "8", "get", "deployments")
        deleted = knarr("--request-timeout", "8", "delete", "deployment", "web")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (read.code, "etcd" in read.err) == (1, True), read.err
    assert (deleted.code, "etcd" in deleted.err) == (1, True), deleted.err

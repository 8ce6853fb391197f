"""knarr scale, and manifests from addresses, run against a server."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from knarr.proto.kubernetes import apps_v1_pb2 as apps
from tests.support.cli import Cli

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
WORKLOAD = """
apiVersion: apps/v1
kind: KIND
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: nginx}]}
"""
DEPLOYMENT = WORKLOAD.replace("KIND", "Deployment").replace("  serviceName: web\n", "")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_manifest_at_an_address(cli: Cli, site: tuple[Path, str]) -> None:
    folder, address = site
    (folder / "a.yaml").write_text(CONFIG_MAP)
    assert cli.done("apply", "-f", f"{address}/a.yaml") == "configmap/a created\n"
    missing = cli("apply", "-f", f"{address}/b.yaml")
    assert (missing.code, missing.err) == (1, f"{address}/b.yaml: 404 File not found\n")


def test_files_that_cannot_be_read(cli: Cli, tmp_path: Path) -> None:
    assert cli("apply", "-f", "/nonexistent.yaml").err == "/nonexistent.yaml: No such file or directory\n"
    assert cli("apply", "-f", str(tmp_path)).code == 2
    assert cli("apply", "-f", "-", given="a: [").err.splitlines()[-1] == "nothing was done"


@pytest.mark.parametrize("kind", ["deploy", "sts"])
def test_scaling(cli: Cli, kind: str) -> None:
    cli.make(DEPLOYMENT)
    cli.make(WORKLOAD.replace("KIND", "StatefulSet"))
    name = {"deploy": "deployment.apps/web", "sts": "statefulset.apps/web"}[kind]
    assert cli.done("scale", kind, "web", "--replicas=3", "--dry-run") == f"{name} scaled (server dry run)\n"
    assert (
        cli.done("scale", kind, "-l", "app=web", "--replicas=4", "--current-replicas=2") == f"{name} scaled\n"
    )
    refused = cli("scale", kind, "web", "--replicas=5", "--current-replicas=2")
    assert (refused.code, refused.err) == (1, f"expected 2 replicas, {name} has 4\n")
    assert cli.done("get", kind, "web", "-o", "jsonpath={.spec.replicas}") == "4"


def test_what_cannot_be_scaled(cli: Cli) -> None:
    assert cli("scale", "ds", "web", "--replicas=1").err == "daemonsets have no number of replicas\n"
    assert cli("scale", "deploy", "--replicas=1").code == 2
    cli.make(DEPLOYMENT)
    waited = cli("scale", "deploy", "web", "--replicas=3", "--wait", "--timeout=0.2s")
    assert waited.code == 3
    assert cli.get(apps.Deployment, "web").spec.replicas == 3

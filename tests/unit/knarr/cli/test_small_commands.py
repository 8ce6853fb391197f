"""api-resources, config and events, run against a server."""

from pathlib import Path

from click.testing import CliRunner, Result

from knarr.cli.main import cli as program
from tests.support.cli import Cli

EVENT = """
apiVersion: v1
kind: Event
metadata: {name: web.1}
involvedObject: {kind: Pod, name: web, namespace: NAMESPACE}
type: Warning
reason: Failed
message: no such image
count: 2
"""


def test_api_resources(cli: Cli) -> None:
    header, *rows = cli.done("api-resources").splitlines()
    assert header.split() == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    assert ["pods", "po", "v1", "true", "Pod"] in [row.split() for row in rows]
    names = cli.done("api-resources", "--namespaced=false", "-o", "name").split()
    assert {"namespaces", "nodes"} <= set(names)
    assert not {"pods", "NAME"} & set(names)
    assert "create" in cli.done("api-resources", "-o=wide", "--no-headers").splitlines()[0]


def test_events_of_an_object(cli: Cli) -> None:
    cli.make(EVENT.replace("NAMESPACE", cli.namespace))
    header, row = cli.done("events", "--for", "pod/web").splitlines()
    assert header.split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert row.split()[1:4] == ["Warning", "Failed", "Pod/web"]
    assert row.endswith("no such image (x2)")
    assert cli("events", "--for", "pod/db").err == f"No events found in {cli.namespace} namespace.\n"
    assert cli("events", "--types", "Strange").code == 2


def test_contexts(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "current-context: a\ncontexts: {a: {servers: ['127.0.0.1:1']}, b: {servers: ['127.0.0.1:2']}}\n"
    )

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(program, ["config", *arguments], env={"KNARR_CONFIG": str(path)})

    assert run("use-context", "b").output == 'Switched to context "b".\n'
    assert run("set-namespace", "shop").exit_code == 0
    assert [line.split() for line in run("get-contexts").output.splitlines()] == [
        ["CURRENT", "NAME", "SERVERS", "NAMESPACE"],
        ["a", "127.0.0.1:1", "default"],
        ["*", "b", "127.0.0.1:2", "shop"],
    ]
    assert run("current-context").output == "b\n"
    assert run("view").output.startswith(f"# {path}\n")
    assert run("use-context", "c").exit_code == 2

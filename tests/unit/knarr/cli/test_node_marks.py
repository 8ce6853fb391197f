"""knarr cordon and uncordon, run against a server."""

from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli


def node(name: str, **labels: str) -> str:
    marks = "".join(f"\n    {key}: {value}" for key, value in labels.items())
    return f"apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels:{marks or ' {}'}\n"


def test_cordon_and_uncordon(cli: Cli) -> None:
    cli.make(node("mark-a"))
    assert cli.done("cordon", "mark-a") == "node/mark-a cordoned\n"
    assert cli.get(core.Node, "mark-a").spec.unschedulable
    assert cli.done("cordon", "node/mark-a") == "node/mark-a already cordoned\n"
    assert cli.done("uncordon", "mark-a", "--dry-run") == "node/mark-a uncordoned (server dry run)\n"
    assert cli.get(core.Node, "mark-a").spec.unschedulable
    assert cli.done("uncordon", "mark-a") == "node/mark-a uncordoned\n"
    assert not cli.get(core.Node, "mark-a").spec.unschedulable


def test_nodes_by_label(cli: Cli) -> None:
    cli.make(node("rack-a", rack="one"))
    cli.make(node("rack-b", rack="one"))
    assert cli.done("cordon", "-l", "rack=one").split("\n")[:2] == [
        "node/rack-a cordoned",
        "node/rack-b cordoned",
    ]


def test_nodes_are_named_or_selected(cli: Cli) -> None:
    assert cli("cordon").code == 2
    assert cli("cordon", "a", "-l", "b").code == 2
    missing = cli("cordon", "nobody")
    assert (missing.code, missing.err) == (1, 'Error from server (NotFound): nodes "nobody" not found\n')

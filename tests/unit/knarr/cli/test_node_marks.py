"""knarr cordon, uncordon and taint, run against a server."""

import pytest

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


def taints(cli: Cli, name: str) -> list[str]:
    return [f"{each.key}={each.value}:{each.effect}" for each in cli.get(core.Node, name).spec.taints]


def test_taints_are_set_and_removed(cli: Cli) -> None:
    cli.make(node("taint-a"))
    assert (
        cli.done("taint", "nodes", "taint-a", "gpu=yes:NoSchedule", "x:NoExecute") == "node/taint-a tainted\n"
    )
    assert {"gpu=yes:NoSchedule", "x=:NoExecute"} <= set(taints(cli, "taint-a"))
    assert cli.done("taint", "node", "taint-a", "gpu=yes:NoSchedule") == "node/taint-a already tainted\n"
    refused = cli("taint", "node/taint-a", "gpu=no:NoSchedule")
    assert refused.code == 1
    assert 'already has the taint "gpu:NoSchedule" with value "yes"' in refused.err
    cli.done("taint", "no", "taint-a", "gpu=no:NoSchedule", "--overwrite")
    assert "gpu=no:NoSchedule" in taints(cli, "taint-a")
    assert cli.done("taint", "nodes", "taint-a", "gpu-", "x:NoExecute-") == "node/taint-a untainted\n"
    assert not {each[:3] for each in taints(cli, "taint-a")} & {"gpu", "x=:"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nodes", "taint-b"], 2),
        (["nodes", "taint-b", "gpu=yes"], 2),
        (["nodes", "taint-b", "gpu=yes:Never"], 2),
        (["nodes", "taint-b", "a:NoExecute", "a:NoExecute-"], 2),
        (["pods", "taint-b", "gpu-"], 2),
        (["nodes", "gpu:NoExecute"], 2),
        (["nodes", "taint-b", "gpu-"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_taints_that_cannot_be(cli: Cli, arguments: list[str], code: int) -> None:
    cli.done("apply", "-f", "-", given=node("taint-b"))
    assert cli("taint", *arguments).code == code

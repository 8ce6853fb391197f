"""knarr delete, run against a server."""

import json

import pytest

from knarr.cli.decisions.deletion import delete_options
from knarr.cli.failure import Failure
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.cli import Cli


def config_map(name: str, **labels: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})


def exists(cli: Cli, name: str) -> bool:
    try:
        cli.get(core.ConfigMap, name)
    except NotFound:
        return False
    return True


def test_by_name(cli: Cli) -> None:
    cli.make(config_map("a"))
    cli.make(config_map("b"))
    assert cli.done("delete", "cm", "a", "b") == 'configmap "a" deleted\nconfigmap "b" deleted\n'
    assert not exists(cli, "a")


def test_what_is_not_there_is_told_after_the_rest_is_deleted(cli: Cli) -> None:
    cli.make(config_map("b"))
    outcome = cli("delete", "cm/a", "cm/b")
    assert (outcome.code, outcome.out) == (1, 'configmap "b" deleted\n')
    assert outcome.err == 'Error from server (NotFound): configmaps "a" not found\n'
    assert cli("delete", "cm", "a", "--ignore-not-found").code == 0


def test_by_label_and_all(cli: Cli) -> None:
    cli.make(config_map("a", app="web"))
    cli.make(config_map("b", app="db"))
    assert cli.done("delete", "cm", "-l", "app=web", "-o", "name") == "configmap/a\n"
    assert cli("delete", "cm", "-l", "app=web").err == "No resources found.\n"
    assert cli.done("delete", "cm", "--all", "--dry-run") == 'configmap "b" deleted (server dry run)\n'
    assert exists(cli, "b")
    assert cli.done("delete", "cm", "--all") == 'configmap "b" deleted\n'


def test_as_files_say(cli: Cli) -> None:
    cli.make(config_map("a"))
    assert cli.done("delete", "-f", "-", given=config_map("a")) == 'configmap "a" deleted\n'


def test_a_finalizer_is_waited_for(cli: Cli) -> None:
    cli.make(config_map("held").replace('"held",', '"held", "finalizers": ["example.com/hold"],'))
    outcome = cli("delete", "cm", "held", "--timeout", "0.2s")
    assert (outcome.code, outcome.out) == (3, 'configmap "held" deleted\n')
    assert "waiting for configmap/held to be gone" in outcome.err
    assert cli("delete", "cm", "held", "--wait=false").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["cm"],
        ["cm", "a", "-l", "b=c"],
        ["cm", "--all", "-l", "b=c"],
        ["cm", "a", "--now", "--grace-period=3"],
        ["cm", "a", "--force", "--grace-period=3"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_usage_deletes_nothing(cli: Cli, arguments: list[str]) -> None:
    cli.make(config_map("a", b="c"))
    assert cli("delete", *arguments).code == 2
    assert exists(cli, "a")


@pytest.mark.parametrize(
    ("grace_period", "now", "force", "expected"),
    [
        (None, False, False, None),
        (30, False, False, 30),
        (0, False, False, 1),
        (-1, False, False, None),
        (None, True, False, 1),
        (None, False, True, 0),
        (0, False, True, 0),
    ],
)
def test_grace(grace_period: int | None, now: bool, force: bool, expected: int | None) -> None:
    options = delete_options(grace_period=grace_period, now=now, force=force, cascade="orphan", uid="u")
    wanted = meta.DeleteOptions(propagationPolicy="Orphan", preconditions=meta.Preconditions(uid="u"))
    if expected is not None:
        wanted.gracePeriodSeconds = expected
    assert options == wanted


def test_options_that_disagree() -> None:
    with pytest.raises(Failure, match="either --now or"):
        delete_options(grace_period=1, now=True, force=False, cascade="background")

"""What the shell offers while a command is typed."""

import pytest
from click.shell_completion import BashComplete

from knarr.cli.main import cli as program
from tests.support.cli import Cli

CONFIG_MAPS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: secrets-not}
"""


def offered(cli: Cli, *words: str) -> list[str]:
    """What is offered for the last word."""
    *before, incomplete = words
    given = ["--server", cli.server.address, "-n", cli.namespace, *before]
    complete = BashComplete(program, {}, "knarr", "_KNARR_COMPLETE")
    return [item.value for item in complete.get_completions(given, incomplete)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_the_program(cli: Cli, shell: str) -> None:
    assert "_KNARR_COMPLETE" in cli.done("completion", shell)
    assert cli("completion", "tcsh").code == 2


def test_commands_and_their_options(cli: Cli) -> None:
    assert offered(cli, "exp") == ["explain"]
    assert offered(cli, "set", "i") == ["image"]
    assert "--show-labels" in offered(cli, "get", "pods", "--show")
    assert offered(cli, "get", "pods", "-o", "js") == ["json", "jsonpath="]


def test_kinds_and_names(cli: Cli) -> None:
    cli.make(CONFIG_MAPS)
    assert offered(cli, "get", "configm") == ["configmaps"]
    assert offered(cli, "get", "cm", "se") == ["secrets-not", "settings"]
    assert offered(cli, "delete", "cm", "settings", "se") == ["secrets-not"]
    assert offered(cli, "edit", "cm/se") == ["cm/secrets-not", "cm/settings"]
    assert cli.namespace in offered(cli, "get", "pods", "-n", cli.namespace[:5])


def test_fields(cli: Cli) -> None:
    assert offered(cli, "explain", "deployment.spec.rep") == ["deployment.spec.replicas"]


def test_without_a_server_nothing_is_offered_and_nothing_said(capfd: pytest.CaptureFixture[str]) -> None:
    complete = BashComplete(program, {}, "knarr", "_KNARR_COMPLETE")
    assert complete.get_completions(["--server", "127.0.0.1:1", "get", "pods"], "a") == []
    assert capfd.readouterr().err == ""

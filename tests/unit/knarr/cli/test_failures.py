"""How commands end: exit codes, and errors in a line or two."""

import socket

import click
import pytest
from click.testing import CliRunner

from knarr.cli.main import cli as program
from knarr.cli.main import told
from tests.support.cli import Cli


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gte", "pods"], 'unknown command "gte"; did you mean `knarr get`?'),
        (["frobnicate"], 'unknown command "frobnicate"\n`knarr --help` shows how'),
        (["get", "pods", "--show-label"], "--show-labels"),
        (["get", "pods", "--chunk-size", "many"], "'many' is not a valid integer range"),
        (["apply", "-f", "x", "--dry-run=sever"], "'sever' is not one of 'none', 'client', 'server'"),
        (["get", "pods", "-o"], "knarr get: Option '-o' requires an argument."),
        (["completion"], "Missing argument '{bash|zsh|fish}'"),
        (["get", "pods", ""], "a name is empty"),
        (["drain", ""], "a name is empty"),
        (["get", "pods", "--sort-by", "{.a["], "--sort-by: cannot read"),
        (["scale", "deploy", "web"], "Missing option '--replicas'"),
        (["delete", "pod", "a", "--wait=perhaps"], '"perhaps" is neither true nor false'),
        (["wait", "pod", "a", "--for=delete", "--timeout=soon"], '"soon" is no duration'),
        (
            ["rollout", "stauts"],
            'knarr rollout: unknown command "stauts"; did you mean `knarr rollout status`?',
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_in_two_lines(cli: Cli, arguments: list[str], said: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said.lower() in outcome.err.lower()
    assert len(outcome.err.splitlines()) <= 2


def test_a_control_plane_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(program, ["--server", address, "get", "pods"])
    assert result.exit_code == 4
    assert result.stderr.splitlines()[0] == f"no control plane answers at {address}"
    assert len(result.stderr.splitlines()) == 2


def test_an_address_that_others_could_listen_in_on() -> None:
    result = CliRunner().invoke(program, ["--server", "192.0.2.1:7443", "get", "pods"])
    assert result.exit_code == 2
    assert "without TLS" in result.stderr


def test_no_cluster_at_all(tmp_path: object) -> None:
    result = CliRunner().invoke(program, ["get", "pods"], env={"KNARR_CONFIG": f"{tmp_path}/none.yaml"})
    assert result.exit_code == 2
    assert "no cluster is configured: `knarr up` starts one" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (
            ZeroDivisionError("by zero"),
            1,
            "internal error: ZeroDivisionError: by zero\n--debug shows where\n",
        ),
    ],
)
def test_what_ends_a_command(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(error) == code
    assert capsys.readouterr().err == said


def test_help_is_no_failure(cli: Cli) -> None:
    assert cli.done("--help").startswith("Usage: knarr ")
    assert "Examples" not in cli.done("get", "-h")
    assert cli("drain", "--help").code == 0

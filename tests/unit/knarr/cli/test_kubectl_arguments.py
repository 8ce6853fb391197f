"""Arguments as people type them for kubectl."""

import click
import pytest

from knarr.cli.arguments import as_click
from knarr.cli.main import without_debug
from tests.support.cli import Cli

OPTIONS = (
    click.Option(["--output", "-o"]),
    click.Option(["--wait/--no-wait"]),
    click.Option(["--force", "-f"], is_flag=True),
    click.Option(["--dry-run"], is_flag=False, flag_value="server"),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["-o=json"], ["-o", "json"]),
        (["-o=jsonpath={.a==1}"], ["-o", "jsonpath={.a==1}"]),
        (["-ojson", "-o", "yaml"], ["-ojson", "-o", "yaml"]),
        (["--wait=true", "--force=true"], ["--wait", "--force"]),
        (["--wait=false"], ["--no-wait"]),
        (["--force=false"], []),
        (["--dry-run", "pods"], ["--dry-run=server", "pods"]),
        (["--dry-run=client"], ["--dry-run=client"]),
        (["--", "-o=json", "--wait=false"], ["--", "-o=json", "--wait=false"]),
        (["a=b", "-l=c=d"], ["a=b", "-l=c=d"]),
    ],
)
def test_what_click_reads(given: list[str], expected: list[str]) -> None:
    assert as_click(given, OPTIONS) == expected


def test_debug_may_stand_anywhere_but_behind_the_dashes() -> None:
    assert without_debug(["get", "--debug", "pods"]) == (["get", "pods"], True)
    assert without_debug(["exec", "a", "--", "b", "--debug"]) == (["exec", "a", "--", "b", "--debug"], False)


def test_global_options_may_follow_the_command(cli: Cli) -> None:
    server = cli.server.address
    shown = cli.done("get", "ns", "default", "-o=name", f"-s={server}", "--request-timeout=5s", "--debug")
    assert shown == "namespace/default\n"


def test_debug_shows_where(cli: Cli) -> None:
    with pytest.raises(click.ClickException):
        cli("get", "nothings", "--debug")

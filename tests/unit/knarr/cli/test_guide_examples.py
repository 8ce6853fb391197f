"""docs/guides/cli.md: every command has an example there, and every example is one that the program reads."""

import re
import shlex
from pathlib import Path

import click
import pytest

from knarr.cli.invocation import Invocation
from knarr.cli.main import COMMANDS, cli

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "cli.md"
TEXT = GUIDE.read_text()
EXAMPLES = sorted(
    {
        line
        for found in re.findall(r"`(knarr [^`]+)`|^    \$ (knarr .+)$", TEXT, re.MULTILINE)
        for line in found
        if line and "…" not in line and not re.search(r"\b(NAME|NS|DIR|COMMAND|FILE)\b", line)
    }
)


def read(words: list[str]) -> None:
    """Read the arguments as the program does, and stop before anything is done."""
    command: click.Command = cli
    context = click.Context(cli, info_name="knarr", obj=Invocation())
    while isinstance(command, click.Group) and words[0] in command.list_commands(context):
        found = command.get_command(context, words[0])
        assert found is not None
        command, words = found, words[1:]
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_read(example: str) -> None:
    read(shlex.split(example.partition(" | ")[0])[1:])


def test_every_command_is_in_the_guide() -> None:
    named = {
        word
        for cell in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
        for word in re.findall(r"`(\S+)", cell)
    }
    assert {name.strip("`,") for name in named} >= set(COMMANDS)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 40

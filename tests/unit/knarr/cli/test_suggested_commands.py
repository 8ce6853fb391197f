"""Each command that `knarr why` suggests is one that the program reads, as it is written."""

import shlex

import click
import pytest

from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.why.advice import advise
from knarr.cli.invocation import Invocation
from knarr.cli.main import cli
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench
from tests.unit.control_plane.scheduler.why.test_advice import CASES


def suggested() -> list[str]:
    """The commands of all cases of the advice."""
    found: dict[str, None] = {}
    for case in CASES.values():
        bench = Bench(*case.nodes, pods=case.running)
        for suggestion in advise(bench.cluster, case.pod, DEFAULT, (), case.classes).suggestions:
            if suggestion.proposal.command:
                found[suggestion.proposal.command] = None
    return list(found)


@pytest.mark.parametrize("line", suggested())
def test_a_suggested_command_can_be_read(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert program == "knarr"
    context = click.Context(cli, info_name="knarr", obj=Invocation())
    command = cli.get_command(context, name)
    assert command is not None
    command.make_context(name, words, parent=context)


def test_every_kind_of_command_is_suggested() -> None:
    assert {shlex.split(line)[1] for line in suggested()} == {"delete", "label", "taint", "uncordon"}

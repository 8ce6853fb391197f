"""Colours of statuses, and that only terminals get them."""

import click
import pytest

from knarr.cli.decisions.colours import colour_of
from knarr.cli.tables import TablePrinter
from knarr.proto.services import object_service_pb2 as wire


@pytest.mark.parametrize(
    ("status", "colour"),
    [
        ("Running", "green"),
        ("Ready", "green"),
        ("Ready,SchedulingDisabled", "yellow"),
        ("NotReady,SchedulingDisabled", "red"),
        ("Pending", "yellow"),
        ("ContainerCreating", "yellow"),
        ("Init:0/2", "yellow"),
        ("Init:CrashLoopBackOff", "red"),
        ("ErrImagePull", "red"),
        ("ImagePullBackOff", "red"),
        ("CreateContainerConfigError", "red"),
        ("Completed", "green"),
        ("<unknown>", None),
        ("", None),
    ],
)
def test_colours(status: str, colour: str | None) -> None:
    assert colour_of(status) == colour


def table() -> wire.Table:
    columns = [wire.Table.Column(name="Name"), wire.Table.Column(name="Status"), wire.Table.Column(name="IP")]
    return wire.Table(columns=columns, rows=[wire.Table.Row(cells=["web-1", "Running", "10.0.0.1"])])


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    TablePrinter().print([table()], 0)
    assert capsys.readouterr().out == "NAME    STATUS    IP\nweb-1   Running   10.0.0.1\n"


def test_a_terminal_gets_colours_in_lines_of_the_same_width(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("get"), color=True).scope():
        TablePrinter().print([table()], 0)
    header, row = capsys.readouterr().out.splitlines()
    assert header == "NAME    STATUS    IP"
    assert row == "web-1   \x1b[32mRunning\x1b[0m   10.0.0.1"

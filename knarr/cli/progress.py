"""Progress on a terminal: one line that changes; in a pipe, a line for each new message of a step."""

import sys
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.status import Status


class Progress:
    """Says what is being waited for. On stderr, so that stdout stays clean."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = ""
        self._said: set[str] = set()  # in this step: what comes and goes is told once in a pipe
        self._status: Status | None = None
        self._console = Console(stderr=True)

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self._quiet:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, message: str) -> None:
        """What is going on now."""
        if message == self._last or self._quiet:
            return
        self._last = message
        if self._status is not None:
            self._status.update(message.replace("[", r"\["))
        elif message not in self._said:
            self._said.add(message)
            click.echo(message, err=True)

    def done(self, message: str) -> None:
        """A step that is finished, on a line of its own."""
        self._said.clear()
        if self._quiet:
            return
        if self._status is not None:
            self._console.print(message, highlight=False, markup=False)
        else:
            click.echo(message, err=True)

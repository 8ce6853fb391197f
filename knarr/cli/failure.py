"""How a command fails: one or two plain lines on stderr and an exit code.

0  done
1  refused or failed
2  wrong usage
3  timed out waiting
4  control plane not reachable
130  stopped by Ctrl-C
"""

from typing import IO, Any

import click

from knarr.client import Unreachable
from knarr.errors import ApiError

FAILED = 1
USAGE = 2
TIMED_OUT = 3
UNREACHABLE = 4
INTERRUPTED = 130


class Failure(click.ClickException):
    """Ends the command with this message, as it is, and this exit code."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click has one for each class

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


def of_api_error(error: ApiError) -> Failure:
    """The failure that an API error is to a person at a terminal."""
    if isinstance(error, Unreachable):
        hint = "is it running? `knarr up` starts one on this machine; `knarr config view` shows the address"
        return Failure(f"{error.message}\n{hint}", UNREACHABLE)
    return Failure(f"Error from server ({error.reason}): {error.message}")

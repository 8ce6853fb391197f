"""What every command shares: the context, the connection, the streams to print to."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from knarr.cli import config as configuration
from knarr.cli.arguments import KnarrCommand, KnarrGroup
from knarr.cli.complete import complete_contexts, complete_namespaces
from knarr.cli.failure import USAGE, Failure, of_api_error
from knarr.cli.options import DURATION
from knarr.client import Client, InsecureAddress
from knarr.errors import ApiError

T = TypeVar("T")

MANAGER = "knarr"  # who owns the fields that are written, where a command has no name of its own for it


@dataclass(slots=True)
class Invocation:
    """The global options of one run."""

    context: str | None = None
    server: str | None = None
    namespace: str | None = None
    timeout_s: float = 30.0

    @property
    def config_path(self) -> Path:
        return configuration.config_path()

    def chosen(self) -> configuration.Context:
        """The context in use; raises Failure."""
        return configuration.choose(configuration.load(self.config_path), self.context, self.server)

    def namespace_or_default(self) -> str:
        """-n, else the context's namespace."""
        return self.namespace or self.chosen().namespace

    def run(self, work: Callable[[Client], Awaitable[T]], field_manager: str = MANAGER) -> T:
        """Connect, do the work, disconnect. API errors become Failures."""

        async def connected() -> T:
            chosen = self.chosen()
            dialled = await Client.dial(chosen.servers, timeout_s=self.timeout_s, field_manager=field_manager)
            async with dialled as client:
                return await work(client)

        return run_async(connected())


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end with API errors as Failures."""
    try:
        return asyncio.run(work)
    except ApiError as error:
        raise of_api_error(error) from error
    except InsecureAddress as error:
        raise Failure(str(error), USAGE) from error
    except BaseExceptionGroup as group:
        for leaf in leaves(group):
            if isinstance(leaf, ApiError):
                raise of_api_error(leaf) from leaf
            if isinstance(leaf, Failure):
                raise leaf from group
        raise


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"Warning: {message}", err=True)


def knarr_command(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that takes the global options in its own place too (`knarr get pods -n web`) and gets the
    Invocation as its first argument."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=KnarrCommand, **attributes)(_with_globals(function))

    return decorate


def knarr_group(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Group]:
    """As knarr_command, for a command that has commands."""

    def decorate(function: Callable[..., Any]) -> click.Group:
        return click.group(name, cls=KnarrGroup, **attributes)(_with_globals(function))

    return decorate


def _with_globals(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def invoke(
        context: str | None,
        server: str | None,
        namespace: str | None,
        request_timeout: float | None,
        **arguments: Any,
    ) -> Any:
        invocation = click.get_current_context().find_object(Invocation) or Invocation()
        invocation.context = context or invocation.context
        invocation.server = server or invocation.server
        invocation.namespace = namespace or invocation.namespace
        invocation.timeout_s = request_timeout or invocation.timeout_s
        return function(invocation, **arguments)

    decorated: Callable[..., Any] = invoke
    for option in reversed(_GLOBAL_OPTIONS):
        decorated = option(decorated)
    return decorated


_GLOBAL_OPTIONS = (
    click.option(
        "--namespace",
        "-n",
        metavar="NS",
        help="Namespace; the context's when not given.",
        shell_complete=complete_namespaces,
    ),
    click.option(
        "--context",
        metavar="NAME",
        help="Context of the config file to use.",
        shell_complete=complete_contexts,
    ),
    click.option("--server", "-s", metavar="HOST:PORT[,…]", help="Address of the control plane."),
    click.option("--request-timeout", type=DURATION, hidden=True),
)

"""Entry point: global options, the commands, and how errors end the program."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from knarr.cli import commands
from knarr.cli.arguments import KnarrGroup
from knarr.cli.failure import FAILED, INTERRUPTED, USAGE
from knarr.cli.invocation import Invocation
from knarr.cli.options import DURATION

# A command is a module of knarr.cli.commands with a `command` in it: found by the names of the files, and
# loaded when used, so that `knarr --help` stays quick.
COMMANDS = tuple(sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(commands.__path__)))


class Commands(KnarrGroup):
    """Finds commands by name, and ends the program as knarr.cli.failure says."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        given, debug = without_debug(list(args if args is not None else sys.argv[1:]))
        try:
            code = super().main(given, prog_name or "knarr", complete_var, standalone_mode=False, **extra)
        except (Exception, KeyboardInterrupt) as error:
            if debug and not isinstance(error, click.UsageError | KeyboardInterrupt):
                raise
            sys.exit(told(error))
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        loaded = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = loaded.command
        return command


@click.group(
    "knarr", cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--context", metavar="NAME", help="Context of the config file to use.")
@click.option("--server", "-s", metavar="HOST:PORT[,…]", help="Address of the control plane.")
@click.option("--namespace", "-n", metavar="NS", help="Namespace; the context's when not given.")
@click.option(
    "--request-timeout",
    metavar="DURATION",
    type=DURATION,
    default=30.0,
    show_default=True,
    help="How long one request may take.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def cli(
    ctx: click.Context,
    context: str | None,
    server: str | None,
    namespace: str | None,
    request_timeout: float,
) -> None:
    """Knarr: a container orchestrator with Kubernetes' API and habits."""
    ctx.obj = Invocation(context, server, namespace, request_timeout)


def without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments less --debug, which may stand anywhere but behind `--`, and whether it was there."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own = [argument for argument in arguments[:end] if argument != "--debug"]
    return [*own, *arguments[end:]], len(own) < end


def told(error: BaseException) -> int:
    """Tell a person why the command failed, in a line or two; returns the exit code."""
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx is not None else "knarr"
            message = " ".join(error.format_message().split())
            click.echo(f"{path}: {message}\n`{path} --help` shows how", err=True)
            return USAGE
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case BrokenPipeError():
            sys.stderr.close()  # nobody reads any more, as in `knarr get pods | head`
            return 0
        case _:
            click.echo(f"internal error: {type(error).__name__}: {error}\n--debug shows where", err=True)
            return FAILED


def main() -> None:
    """The console script."""
    cli(prog_name="knarr")


if __name__ == "__main__":
    main()

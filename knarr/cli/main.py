"""Entry point: global options, the commands, and how errors end the program."""

import importlib
import pkgutil
import sys

import click

from knarr.cli import commands
from knarr.cli.arguments import KnarrGroup
from knarr.cli.failure import USAGE
from knarr.cli.invocation import Invocation

# A command is a module of knarr.cli.commands with a `command` in it: found by the names of the files, and
# loaded when used, so that `knarr --help` stays quick.
COMMANDS = tuple(sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(commands.__path__)))


class Commands(KnarrGroup):
    """Finds commands by name."""

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
    metavar="SECONDS",
    type=float,
    default=30.0,
    show_default=True,
    help="How long one request may take.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(
    ctx: click.Context,
    context: str | None,
    server: str | None,
    namespace: str | None,
    request_timeout: float,
    debug: bool,
) -> None:
    """Knarr: a container orchestrator with Kubernetes' API and habits."""
    ctx.obj = Invocation(context, server, namespace, request_timeout, debug)


def main() -> None:
    """The console script."""
    debug = "--debug" in sys.argv[1:]
    try:
        code = cli.main(prog_name="knarr", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except click.ClickException as error:
        if debug:
            raise
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()

"""Arguments as people type them for kubectl, in the form that click reads. Pure.

kubectl's switches may be given a value (`--wait=false`, `--force=true`), an option whose value may be left
out takes one only after an equals sign (`--dry-run pods` is a switch and a kind), and a short option may have
an equals sign too (`-o=json`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import click
import click.core

TRUE = ("true", "t", "1")
FALSE = ("false", "f", "0")


class KnarrCommand(click.Command):
    """A command whose switches may be written as kubectl's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _told_of(ctx):
            return super().parse_args(ctx, as_click(args, self.params))


class KnarrGroup(click.Group):
    """A group of commands that itself may have such switches; a mistyped command is answered with the
    nearest."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _told_of(ctx):
            return super().parse_args(ctx, as_click(args, self.params))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = get_close_matches(args[0], known, n=1)
            hint = f"; did you mean `{ctx.command_path} {near[0]}`?" if near else ""
            raise click.UsageError(f'unknown command "{args[0]}"{hint}', ctx)
        return super().resolve_command(ctx, args)


@contextmanager
def _told_of(ctx: click.Context) -> Iterator[None]:
    """Errors know of which command they are, also those of click's parser, which do not."""
    try:
        yield
    except click.UsageError as error:
        error.ctx = error.ctx or ctx
        raise


def as_click(arguments: Sequence[str], parameters: Sequence[click.Parameter]) -> list[str]:
    """The arguments with every `--switch=true|false`, `-o=value` and bare optional value rewritten; what
    stands after `--` is left alone. Raises click.BadOptionUsage for another value of a switch."""
    options = {
        name: option for option in parameters if isinstance(option, click.Option) for name in option.opts
    }
    result: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[index:]]
        name, equals, value = argument.partition("=")
        option = options.get(name)
        if option is None:
            result.append(argument)
        elif not name.startswith("--"):
            result.extend([name, value] if equals and not option.is_flag else [argument])
        elif option.is_flag and equals:
            result.extend(_switch(option, name, value))
        elif not option.is_flag and not equals and _may_be_bare(option):
            result.append(f"{name}={option.flag_value}")
        else:
            result.append(argument)
    return result


def _may_be_bare(option: click.Option) -> bool:
    """Whether the option says what it means without a value."""
    return isinstance(option.flag_value, str) and bool(option.flag_value)


def _switch(option: click.Option, name: str, value: str) -> list[str]:
    if value.lower() in TRUE:
        return [name]
    if value.lower() in FALSE:
        return option.secondary_opts[:1]
    raise click.BadOptionUsage(name, f'{name}: "{value}" is neither true nor false')

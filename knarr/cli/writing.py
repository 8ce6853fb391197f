"""How a command writes, and what it says of it: dry runs, the field manager, validation, -o."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from knarr.api.kinds import Kind
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import warn
from knarr.cli.output import TABLE, Format, parse_format, print_objects
from knarr.cli.resources import Target
from knarr.proto.services import object_service_pb2 as wire

NO, CLIENT, SERVER = "none", "client", "server"
SUFFIX = {NO: "", CLIENT: " (dry run)", SERVER: " (server dry run)"}
VALIDATION = {
    "strict": wire.STRICT,
    "true": wire.STRICT,
    "warn": wire.WARN,
    "ignore": wire.IGNORE,
    "false": wire.IGNORE,
}


@dataclass(frozen=True, slots=True)
class Writing:
    """What the options of a writing command say."""

    manager: str
    dry_run: str = NO
    format: Format = TABLE
    validation: "wire.FieldValidation.ValueType" = wire.STRICT
    managed_fields: bool = False

    @property
    def suffix(self) -> str:
        """What a dry run adds to a line."""
        return SUFFIX[self.dry_run]

    @property
    def says_lines(self) -> bool:
        """Whether each write is told in a line; else the objects are printed."""
        return self.format.is_table

    def options(self) -> wire.WriteOptions:
        """A dry run of the client is one of the server too: it says more, and changes as little."""
        return wire.WriteOptions(
            dry_run=self.dry_run != NO, field_manager=self.manager, field_validation=self.validation
        )

    def tell(self, target: Target, verb: str, answer: wire.ObjectResponse | None = None) -> None:
        """One line of what was done, and the server's warnings before it."""
        for warning in answer.warnings if answer is not None else ():
            warn(f"{target}: {warning}")
        if self.says_lines:
            click.echo(f"{target} {verb}{self.suffix}")

    def show(self, kinds: Sequence[Kind], answers: Sequence[wire.ObjectResponse]) -> None:
        """The objects themselves, where -o asks for them."""
        if self.says_lines:
            return
        objects = [
            kind.message.FromString(answer.object) for kind, answer in zip(kinds, answers, strict=True)
        ]
        targets = [Target(kind, answer.reference.name) for kind, answer in zip(kinds, answers, strict=True)]
        print_objects(
            objects, targets, self.format, as_list=len(objects) != 1, managed_fields=self.managed_fields
        )


def writes(manager: str, *, validates: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the options of writing, and hands them on as `writing`. `manager` is who owns what is written."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def invoke(*arguments: Any, **options: Any) -> Any:
            writing = Writing(
                options.pop("field_manager"),
                options.pop("dry_run"),
                object_format(options.pop("output")),
                VALIDATION[options.pop("validate", "strict")],
                options.pop("show_managed_fields"),
            )
            return function(*arguments, writing=writing, **options)

        decorated: Callable[..., Any] = _manager(manager)(_MANAGED(invoke))
        if validates:
            decorated = _VALIDATE(decorated)
        decorated = DRY_RUN(_OUTPUT(decorated))
        return decorated

    return decorate


def object_format(text: str | None) -> Format:
    """The format of whole objects, of which no table is made; raises Failure."""
    format = parse_format(text)
    if format.name in ("wide", "custom-columns"):
        raise Failure(f'-o "{text}": choose one of yaml, json, name, jsonpath=TEMPLATE', USAGE)
    return format


DRY_RUN = click.option(
    "--dry-run",
    is_flag=False,
    flag_value=SERVER,
    default=NO,
    metavar="none|client|server",
    type=click.Choice([NO, CLIENT, SERVER]),
    help="Check, and say what would be done.",
)
_OUTPUT = click.option("--output", "-o", metavar="FORMAT", help="yaml, json, name, jsonpath=TEMPLATE")
_MANAGED = click.option("--show-managed-fields", is_flag=True, help="With -o: metadata.managedFields too.")
_VALIDATE = click.option(
    "--validate",
    is_flag=False,
    flag_value="strict",
    default="strict",
    show_default=True,
    type=click.Choice(list(VALIDATION)),
    metavar="strict|warn|ignore",
    help="What becomes of fields that there are not.",
)


def _manager(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--field-manager",
        default=default,
        show_default=True,
        metavar="NAME",
        help="Who owns what is written.",
    )

"""knarr apply: server-side apply of files; all are checked before the first is changed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from knarr.api import kinds
from knarr.api.errors import DecodeError
from knarr.api.manifest import Document
from knarr.cli.failure import FAILED, Failure, of_api_error
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command, warn
from knarr.cli.options import DURATION
from knarr.cli.output import parse_format, print_objects
from knarr.cli.progress import Progress
from knarr.cli.readiness import readiness
from knarr.cli.resources import Target
from knarr.cli.waiting import wait_ready
from knarr.client import Client, WriteResult
from knarr.client.calls import Unreachable
from knarr.client.client import metadata_of
from knarr.errors import ApiError, Invalid, NotFound
from knarr.proto.services import object_service_pb2 as wire

FIELD_MANAGER = "knarr-apply"
# Others need these to exist; the rest keeps the order of the files.
FIRST = ("Namespace", "PriorityClass")
WORDS = {wire.CREATED: "created", wire.CONFIGURED: "configured", wire.UNCHANGED: "unchanged"}


@dataclass(frozen=True, slots=True)
class Item:
    """One document, read and understood."""

    target: Target
    namespace: str
    document: Document

    def body(self) -> bytes:
        return json.dumps(self.document.value).encode()

    @property
    def source(self) -> str:
        return f"{self.document.file}:{self.document.line}"


@knarr_command("apply", short_help="Create or change objects as files say")
@click.option("--filename", "-f", "files", multiple=True, required=True, metavar="FILE|DIR|-")
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@click.option(
    "--dry-run",
    is_flag=False,
    flag_value="server",
    default="none",
    metavar="none|client|server",
    type=click.Choice(["none", "client", "server"]),
    help="Check, and say what would be done.",
)
@click.option("--force-conflicts", "--force", is_flag=True, help="Take fields that others own.")
@click.option("--wait", is_flag=True, help="Wait until everything is ready.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long --wait waits.")
@click.option("--output", "-o", metavar="FORMAT", help="yaml, json, name, jsonpath=TEMPLATE")
def command(
    invocation: Invocation,
    files: Sequence[str],
    recursive: bool,
    dry_run: str,
    force_conflicts: bool,
    wait: bool,
    timeout: float,
    output: str | None,
) -> None:
    """Create or change objects as files say: server-side apply, a line for each object.

    All documents are read and checked, by the control plane too, before the first is applied.

    \b
      knarr apply -f web.yaml --wait
      knarr apply -f manifests/ --dry-run
      cat web.yaml | knarr apply -f -
    """
    default = invocation.namespace_or_default()
    items = read(documents(files, recursive=recursive), invocation.namespace, default)
    if dry_run == "client":
        for item in items:
            click.echo(f"{item.target} would be applied (client dry run)")
        return

    async def work(client: Client) -> None:
        await _check(client, items, force=force_conflicts)
        say = _quiet if output else click.echo
        results = await _apply(client, items, say, force=force_conflicts, dry_run=dry_run == "server")
        if output:
            objects = [result.object for result in results if result.object is not None]
            print_objects(
                objects, [item.target for item in items], parse_format(output), as_list=len(items) > 1
            )
        if wait and dry_run == "none":
            await _wait(client, items, timeout)

    invocation.run(work)


def read(found: Sequence[Document], forced: str | None, default: str) -> list[Item]:
    """The documents as items, in the order in which they are applied; raises Failure with every problem of
    every document, so that nothing is begun that cannot be finished."""
    items: list[Item] = []
    problems: list[str] = []
    for document in found:
        try:
            items.append(_item(document, forced, default))
        except DecodeError as error:
            problems.extend(document.describe(problem) for problem in error.problems)
        except Failure as error:
            problems.append(f"{document.file}:{document.line}: {error.message}")
    if problems:
        raise Failure("\n".join([*problems, "nothing was applied"]), FAILED)
    if not items:
        raise Failure("no objects in the files", FAILED)
    return sorted(items, key=lambda item: item.target.kind.name not in FIRST)


def _item(document: Document, forced: str | None, default: str) -> Item:
    message = document.decode().strict()
    metadata, kind = metadata_of(message), kinds.of(message)
    if not metadata.name:
        raise Failure("metadata.name: Required value: apply names the object that it changes")
    if forced and metadata.namespace and kind.namespaced and metadata.namespace != forced:
        raise Failure(
            f'metadata.namespace: "{metadata.namespace}": the namespace given by -n is "{forced}"; '
            "they must be the same"
        )
    namespace = (metadata.namespace or default) if kind.namespaced else ""
    return Item(Target(kind, metadata.name), namespace, document)


async def _check(client: Client, items: Sequence[Item], *, force: bool) -> None:
    """Have the control plane check everything first; raises Failure when any is refused."""
    made = {item.target.name for item in items if item.target.kind.name == "Namespace"}
    refused: list[str] = []
    for item in items:
        try:
            await _apply_one(client, item, force=force, dry_run=True)
        except Unreachable:
            raise
        except NotFound as error:
            if item.namespace not in made:
                refused.append(_refusal(item, error))
        except ApiError as error:
            refused.append(_refusal(item, error))
    if refused:
        raise Failure("\n".join([*refused, "nothing was applied"]), FAILED)


def _refusal(item: Item, error: ApiError) -> str:
    """What the control plane said, with the place in the file of each field at fault."""
    if not isinstance(error, Invalid) or not error.causes:
        return f"{item.source}: {item.target}: {of_api_error(error).message}"
    lines = []
    for cause in error.causes:
        line, column = item.document.position(cause.field)
        lines.append(f"{item.document.file}:{line}:{column}: {item.target}: {cause.field}: {cause.message}")
    return "\n".join(lines)


async def _apply(
    client: Client, items: Sequence[Item], say: Callable[[str], None], *, force: bool, dry_run: bool
) -> list[WriteResult[Any]]:
    results: list[WriteResult[Any]] = []
    suffix = " (server dry run)" if dry_run else ""
    made = {item.target.name for item in items if item.target.kind.name == "Namespace"}
    for index, item in enumerate(items):
        try:
            result = await _apply_one(client, item, force=force, dry_run=dry_run)
        except NotFound:
            if not dry_run or item.namespace not in made:
                raise
            say(f"{item.target} created{suffix}")
            continue
        except ApiError as error:
            left = ", ".join(str(rest.target) for rest in items[index:])
            raise Failure(
                f"{_refusal(item, error)}\nnot applied: {left}", of_api_error(error).exit_code
            ) from error
        for warning in result.warnings:
            warn(f"{item.target}: {warning}")
        say(f"{item.target} {WORDS.get(result.outcome, 'applied')}{suffix}")
        results.append(result)
    return results


async def _apply_one(client: Client, item: Item, *, force: bool, dry_run: bool) -> WriteResult[Any]:
    return await client.apply(
        item.target.kind, item.namespace, item.target.name, item.body(), force=force, dry_run=dry_run
    )


def _quiet(line: str) -> None:
    """Lines are left out where the objects themselves are asked for."""


async def _wait(client: Client, items: Sequence[Item], timeout_s: float) -> None:
    with Progress() as progress:
        for item in items:
            message = await wait_ready(client, item.namespace, item.target, readiness, progress, timeout_s)
            progress.done(f"{item.target}: {message}")

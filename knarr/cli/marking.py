"""Labels and annotations of objects, written: what label and annotate share."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from knarr.cli.choosing import Found, Wanted, chooses, find, named_or_selected
from knarr.cli.decisions.marks import Marks, parse_marks, require_free, split
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.patching import patch_request, send_each
from knarr.cli.writing import Writing, writes
from knarr.client import Client, metadata_of


@dataclass(frozen=True, slots=True)
class Words:
    """How a map of metadata is called, and what is said of a change of it."""

    field: str
    changed: str
    removed: str


LABELS = Words("labels", "labeled", "unlabeled")
ANNOTATIONS = Words("annotations", "annotated", "annotated")


@dataclass(frozen=True, slots=True)
class Marking:
    """What the arguments of label or annotate say. Those after the names are the change."""

    words: Words
    wanted: Wanted
    writing: Writing
    overwrite: bool
    show: bool


def marks(words: Words, manager: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the arguments and options of label and annotate, and hands them on as `marking`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def invoke(*arguments: Any, **options: Any) -> Any:
            return function(*arguments, marking=Marking(words, **options))

        decorated: Callable[..., Any] = writes(manager)(invoke)
        decorated = click.option("--list", "show", is_flag=True, help=f"Show the {words.field}.")(decorated)
        return chooses()(_OVERWRITE(decorated))

    return decorate


_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace values that are there.")


def mark(invocation: Invocation, marking: Marking) -> None:
    """Change the map of every object that is wanted; with `show` print it instead."""
    words, wanted, writing = marking.words, marking.wanted, marking.writing
    names, pairs = split(wanted.names)
    change = parse_marks(pairs)
    if not pairs and not marking.show:
        raise Failure(f"say which {words.field}: KEY=VALUE to set, KEY- to remove", USAGE)
    wanted = replace(wanted, names=names)
    which = named_or_selected(wanted, invocation)

    async def work(client: Client) -> None:
        found = await find(client, wanted, which)
        if not found:
            click.echo("No resources found.", err=True)
        if not marking.overwrite:
            for each in found:
                require_free(_map(each, words), change, str(each.target))
        if pairs:
            await _write(client, found, change, writing, words)
        if marking.show:
            for each in found:
                _list(each, change.applied(_map(each, words)), several=len(found) > 1)

    invocation.run(work)


async def _write(
    client: Client, found: Sequence[Found], change: Marks, writing: Writing, words: Words
) -> None:
    patch = {"metadata": {words.field: change.patch()}}
    await send_each(
        client,
        found,
        lambda each: patch_request(each.target, each.namespace, patch, writing),
        writing,
        lambda each, _: _verb(_map(each, words), change, words),
    )


def _verb(before: Mapping[str, str], change: Marks, words: Words) -> str:
    if change.applied(before) == before:
        return f"not {words.changed}"
    return words.changed if change.set else words.removed


def _map(found: Found, words: Words) -> Mapping[str, str]:
    known: Mapping[str, str] = getattr(metadata_of(found.obj), words.field)
    return dict(known)


def _list(found: Found, known: Mapping[str, str], *, several: bool) -> None:
    if several:
        click.echo(f"{found.target}:")
    for key, value in sorted(known.items()):
        click.echo(f"{' ' if several else ''}{key}={value}")

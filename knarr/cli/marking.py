"""Labels and annotations of objects, written: what label and annotate share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import click

from knarr.cli.choosing import Found, Wanted, find, named, require_selection
from knarr.cli.decisions.marks import Marks, parse_marks, require_free, split
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.writing import Writing
from knarr.client import Client, metadata_of, reference
from knarr.proto.services import object_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class Words:
    """How a map of metadata is called, and what is said of a change of it."""

    field: str
    changed: str
    removed: str


LABELS = Words("labels", "labeled", "unlabeled")
ANNOTATIONS = Words("annotations", "annotated", "annotated")


def mark(
    invocation: Invocation, wanted: Wanted, writing: Writing, words: Words, *, overwrite: bool, show: bool
) -> None:
    """Change the map of every object that is wanted; with `show` print it instead. The arguments after the
    names are the change."""
    names, pairs = split(wanted.names)
    marks = parse_marks(pairs)
    if not pairs and not show:
        raise Failure(f"say which {words.field}: KEY=VALUE to set, KEY- to remove", USAGE)
    wanted = replace(wanted, names=names)
    which = named(wanted, invocation)
    require_selection(wanted, which)

    async def work(client: Client) -> None:
        found = await find(client, wanted, which)
        if not found:
            click.echo("No resources found.", err=True)
        if not overwrite:
            for each in found:
                require_free(_map(each, words), marks, str(each.target))
        if pairs:
            await _write(client, found, marks, writing, words)
        if show:
            for each in found:
                _list(each, marks.applied(_map(each, words)), several=len(found) > 1)

    invocation.run(work)


async def _write(
    client: Client, found: Sequence[Found], marks: Marks, writing: Writing, words: Words
) -> None:
    answers = []
    patch = json.dumps({"metadata": {words.field: marks.patch()}}).encode()
    for each in found:
        request = wire.PatchRequest(
            reference=reference(each.target.kind, each.namespace, each.target.name),
            type=wire.PatchRequest.MERGE,
            patch=patch,
            options=writing.options(),
        )
        answer = await client.send(request)
        writing.tell(each.target, _verb(_map(each, words), marks, words), answer)
        answers.append(answer)
    writing.show([each.target.kind for each in found], answers)


def _verb(before: Mapping[str, str], marks: Marks, words: Words) -> str:
    if marks.applied(before) == before:
        return f"not {words.changed}"
    return words.changed if marks.set else words.removed


def _map(found: Found, words: Words) -> Mapping[str, str]:
    marks: Mapping[str, str] = getattr(metadata_of(found.obj), words.field)
    return dict(marks)


def _list(found: Found, marks: Mapping[str, str], *, several: bool) -> None:
    if several:
        click.echo(f"{found.target}:")
    for key, value in sorted(marks.items()):
        click.echo(f"{' ' if several else ''}{key}={value}")

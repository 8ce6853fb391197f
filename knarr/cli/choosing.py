"""Which objects a command is about: by name, by selector, all of a kind, or as files say."""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from google.protobuf.message import Message

from knarr.api.codec import kind_of_dict
from knarr.api.errors import DecodeError
from knarr.api.kinds import Kind
from knarr.api.manifest import Document
from knarr.cli.complete import complete_targets
from knarr.cli.failure import USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation
from knarr.cli.resources import Target, parse
from knarr.client import Client, metadata_of

PAGE = 500


@dataclass(frozen=True, slots=True)
class Named:
    """One object, or all of a kind, and the namespace: "" for none or all."""

    namespace: str
    target: Target


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there."""

    namespace: str
    target: Target
    obj: Message


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the arguments say."""

    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    recursive: bool = False
    labels: str = ""
    fields: str = ""
    everything: bool = False
    all_namespaces: bool = False

    @property
    def selects(self) -> bool:
        return bool(self.labels or self.fields or self.everything)


def chooses(
    *, everything: bool = True, names: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the arguments and options that name objects, and hands them on as `wanted`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def invoke(*arguments: Any, **options: Any) -> Any:
            wanted = Wanted(
                tuple(options.pop("names", ())),
                tuple(options.pop("files")),
                options.pop("recursive"),
                options.pop("labels"),
                options.pop("fields"),
                options.pop("everything", False),
                options.pop("all_namespaces"),
            )
            return function(*arguments, wanted=wanted, **options)

        decorated: Callable[..., Any] = invoke
        for option in reversed(_OPTIONS):
            decorated = option(decorated)
        if everything:
            decorated = _ALL(decorated)
        return _NAMES(decorated) if names else decorated

    return decorate


_NAMES = click.argument("names", nargs=-1, metavar="KIND NAME… | KIND/NAME…", shell_complete=complete_targets)
_ALL = click.option("--all", "everything", is_flag=True, help="All objects of the kind in the namespace.")
_OPTIONS = (
    click.option(
        "--filename", "-f", "files", multiple=True, metavar="FILE|DIR|-", help="What the files name."
    ),
    click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too."),
    click.option("--selector", "-l", "labels", default="", metavar="SELECTOR", help="All with these labels."),
    click.option("--field-selector", "fields", default="", metavar="SELECTOR", help="All with these fields."),
    click.option("--all-namespaces", "-A", is_flag=True, help="In all namespaces."),
)


def named(wanted: Wanted, invocation: Invocation) -> list[Named]:
    """What the arguments name; raises Failure when that is nothing, or everything by accident."""
    if wanted.files and wanted.names:
        raise Failure("give either names or -f FILE", USAGE)
    if wanted.files:
        return from_files(documents(wanted.files, recursive=wanted.recursive), invocation)
    targets = parse(wanted.names)
    if any(target.name for target in targets):
        if wanted.selects:
            raise Failure("name may not be given together with a selector or --all", USAGE)
        if wanted.all_namespaces and any(target.kind.namespaced for target in targets):
            raise Failure("an object cannot be named across all namespaces", USAGE)
    namespace = "" if wanted.all_namespaces else invocation.namespace_or_default()
    return [Named(namespace if target.kind.namespaced else "", target) for target in targets]


def named_or_selected(wanted: Wanted, invocation: Invocation) -> list[Named]:
    """As `named`, for commands that change things: a whole kind is never meant by leaving the name out."""
    which = named(wanted, invocation)
    if any(not each.target.name for each in which) and not wanted.selects:
        raise Failure(
            "resource(s) were provided, but no name was specified; name them, or give -l or --all", USAGE
        )
    return which


def named_with_scale(wanted: Wanted, invocation: Invocation) -> list[Named]:
    """As `named_or_selected`, of objects whose number of replicas can be set."""
    which = named_or_selected(wanted, invocation)
    for each in which:
        if "scale" not in each.target.kind.subresources:
            raise Failure(f"{each.target.kind.plural} have no number of replicas", USAGE)
    return which


def from_files(found: Sequence[Document], invocation: Invocation) -> list[Named]:
    """What documents name; raises Failure."""
    return [_from_document(document, invocation) for document in found]


def _from_document(document: Document, invocation: Invocation) -> Named:
    kind, name = kind_and_name(document)
    if not name:
        raise Failure(f"{document.file}:{document.line}: metadata.name: Required value")
    return Named(namespace_of(document, kind, invocation), Target(kind, name))


def kind_and_name(document: Document) -> tuple[Kind, str]:
    """Raises Failure for a kind that there is not."""
    try:
        kind = kind_of_dict(document.value)
    except DecodeError as error:
        raise Failure(document.describe(error.problems[0])) from error
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return kind, name if isinstance(name, str) else ""


def namespace_of(document: Document, kind: Kind, invocation: Invocation) -> str:
    """The namespace of a document: its own, else -n, else the context's; raises Failure when two disagree."""
    if not kind.namespaced:
        return ""
    metadata = document.value.get("metadata")
    own = metadata.get("namespace") if isinstance(metadata, dict) else None
    if not own or not isinstance(own, str):
        return invocation.namespace_or_default()
    if invocation.namespace and own != invocation.namespace:
        line, column = document.position("metadata.namespace")
        raise Failure(
            f'{document.file}:{line}:{column}: metadata.namespace: "{own}": the namespace given by -n is '
            f'"{invocation.namespace}"; they must be the same'
        )
    return own


async def find(client: Client, wanted: Wanted, which: Sequence[Named]) -> list[Found]:
    """The objects that are named, or selected; raises NotFound for a name that there is not."""
    found: list[Found] = []
    for each in which:
        message = each.target.kind.message
        if each.target.name:
            obj = await client.get(message, each.namespace, each.target.name)
            found.append(Found(each.namespace, each.target, obj))
            continue
        async for obj in every(client, each, wanted.labels, wanted.fields):
            metadata = metadata_of(obj)
            found.append(Found(metadata.namespace, Target(each.target.kind, metadata.name), obj))
    return found


async def every(client: Client, each: Named, labels: str, fields: str) -> AsyncIterator[Message]:
    """All objects of a kind that the selectors match, page by page."""
    token = ""
    while True:
        page = await client.list(
            each.target.kind.message,
            each.namespace,
            labels=labels,
            fields=fields,
            limit=PAGE,
            continue_token=token,
        )
        for obj in page.items:
            yield obj
        token = page.continue_token
        if not token:
            return

"""What the shell offers while a command is typed: kinds, names, namespaces, contexts, fields.

A key press waits for the answer: every look-up has a short deadline, and whatever goes wrong offers nothing
and says nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import click
from click.shell_completion import CompletionItem

from knarr.api.kinds import KINDS, NAMESPACE, Kind, find_alias
from knarr.cli import config as configuration
from knarr.client import Client, reference
from knarr.proto.services import object_service_pb2 as wire

DEADLINE_S = 2.0
MOST_NAMES = 500
FORMATS = ("wide", "yaml", "json", "name", "jsonpath=", "custom-columns=")


def complete_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A kind, then names of it; or KIND/NAME."""
    given = _given(ctx, param)
    alias, slash, _ = incomplete.partition("/")
    if slash:
        kind = find_alias(alias)
        names = _names(ctx, kind) if kind is not None else []
        return _items([f"{alias}/{name}" for name in names], incomplete)
    if not given:
        return _items(kind_names(), incomplete)
    kind = find_alias(given[0].rpartition(",")[2])
    if kind is None or "/" in given[0]:
        return []
    return _items([name for name in _names(ctx, kind) if name not in given[1:]], incomplete)


def complete_names_of(kind: Kind) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Names of one kind."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = _given(ctx, param)
        return _items([name for name in _names(ctx, kind) if name not in given], incomplete)

    return complete


def complete_namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Namespaces of the cluster in use."""
    return _items(_names(ctx, NAMESPACE), incomplete)


def complete_contexts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Contexts of the config file."""
    try:
        contexts = configuration.load(configuration.config_path()).contexts
    except Exception:
        return []
    return _items(sorted(contexts), incomplete)


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What -o takes."""
    return _items(FORMATS, incomplete)


def complete_fields(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """KIND, then KIND.field.field of `explain`."""
    alias, dot, rest = incomplete.partition(".")
    if not dot:
        return _items(kind_names(), incomplete)
    kind = find_alias(alias)
    if kind is None:
        return []
    parent = rest.rpartition(".")[0]

    async def ask(client: Client) -> list[str]:
        found = await client.explain(kind, parent)
        return [f"{alias}.{child.path}" for child in found.children]

    return _items(_ask(ctx, ask), incomplete)


def kind_names() -> list[str]:
    """What kinds are called on the command line."""
    return sorted({"all", *(name for kind in KINDS for name in (kind.plural, *kind.short_names))})


def _names(ctx: click.Context, kind: Kind) -> list[str]:
    async def ask(client: Client) -> list[str]:
        namespace = _option(ctx, "namespace") or _chosen(ctx).namespace
        if _option(ctx, "all_namespaces"):
            namespace = ""
        request = wire.ListRequest(reference=reference(kind, namespace), limit=MOST_NAMES, as_table=True)
        chunks = await client.list_chunks(request)
        return [row.reference.name for chunk in chunks for row in chunk.table.rows]

    return _ask(ctx, ask)


def _ask(ctx: click.Context, work: Callable[[Client], Awaitable[list[str]]]) -> list[str]:
    """The answer of the control plane, or nothing."""

    async def connected() -> list[str]:
        async with asyncio.timeout(DEADLINE_S):
            async with await Client.dial(_chosen(ctx).servers, timeout_s=DEADLINE_S) as client:
                return await work(client)

    try:
        return asyncio.run(connected())
    except Exception:
        return []


def _chosen(ctx: click.Context) -> configuration.Context:
    config = configuration.load(configuration.config_path())
    return configuration.choose(config, _option(ctx, "context"), _option(ctx, "server"))


def _option(ctx: click.Context, name: str) -> str | None:
    """A global option, wherever it was given."""
    place: click.Context | None = ctx
    while place is not None:
        if value := place.params.get(name):
            return str(value)
        place = place.parent
    return None


def _given(ctx: click.Context, param: click.Parameter) -> Sequence[str]:
    value = ctx.params.get(param.name or "")
    return tuple(value) if isinstance(value, tuple | list) else ()


def _items(values: Sequence[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]

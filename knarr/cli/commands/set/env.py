"""knarr set env: variables of containers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from knarr.api.kinds import CONFIG_MAP, SECRET
from knarr.cli.choosing import Found, Named, Wanted, chooses, find, named_or_selected
from knarr.cli.decisions.environment import clash, env_patch, listed, of_keys
from knarr.cli.decisions.marks import Marks, parse_marks, split
from knarr.cli.decisions.templates import by_list, meant, patch_of, pod_spec
from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.resources import Target, parse_one
from knarr.cli.writing import Writing, writes
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core


@dataclass(frozen=True, slots=True)
class Change:
    """What the options say."""

    marks: Marks
    containers: Sequence[str]
    overwrite: bool


@knarr_command("env", short_help="Change variables")
@chooses()
@click.option(
    "--containers", "-c", default="*", show_default=True, metavar="NAME", help="Of these, * for any."
)
@click.option("--from", "source", metavar="configmap/NAME|secret/NAME", help="A variable for each key.")
@click.option("--keys", default="", metavar="KEY,…", help="With --from: only these keys.")
@click.option("--prefix", default="", help="With --from: what the names begin with.")
@click.option("--overwrite/--no-overwrite", default=True, show_default=True, help="Replace what is there.")
@click.option("--list", "show", is_flag=True, help="Show the variables.")
@writes("knarr-set")
def command(
    invocation: Invocation,
    wanted: Wanted,
    containers: str,
    source: str | None,
    keys: str,
    prefix: str,
    overwrite: bool,
    show: bool,
    writing: Writing,
) -> None:
    """Set variables of containers (NAME=VALUE) or remove them (NAME-).

    \b
      knarr set env deploy/web LEVEL=debug OLD-
      knarr set env deploy/web --from=configmap/web --prefix=WEB_
      knarr set env deploy/web --list
    """
    names, pairs = split(wanted.names)
    change = Change(parse_marks(pairs), containers.split(","), overwrite)
    wanted = replace(wanted, names=names)
    which = named_or_selected(wanted, invocation)
    taken = parse_one([source]) if source else None
    if taken is not None and taken.kind not in (CONFIG_MAP, SECRET):
        raise Failure(f"--from takes a config map or a secret, not {taken}", USAGE)
    if not pairs and taken is None:
        if not show:
            raise Failure("say which variables: NAME=VALUE, NAME- or --from", USAGE)
        invocation.run(lambda client: _show(client, wanted, which, change))
        return

    async def work(client: Client) -> None:
        sources: list[dict[str, Any]] = []
        if taken is not None:
            there = await _keys(client, invocation.namespace_or_default(), taken)
            sources = of_keys(taken.kind, taken.name, there, [key for key in keys.split(",") if key], prefix)
        await patch_each(client, wanted, which, _patch(change, sources), writing, "env updated")

    invocation.run(work)


def _patch(change: Change, sources: Sequence[Mapping[str, Any]]) -> Any:
    names = [*change.marks.set, *(str(source["name"]) for source in sources)]

    def patch(found: Found) -> Mapping[str, Any]:
        spec = pod_spec(found.obj)
        chosen = meant(spec, change.containers, str(found.target))
        for container in () if change.overwrite else chosen:
            if there := clash(container, names):
                where = f"{found.target}, container {container.name}"
                raise Failure(f"{where}: {there} is there already; --overwrite replaces it", FAILED)
        changes = {container.name: env_patch(change.marks, sources) for container in chosen}
        return patch_of(found.target.kind, by_list(spec, changes))

    return patch


async def _keys(client: Client, namespace: str, source: Target) -> list[str]:
    obj = await client.get(source.kind.message, namespace, source.name)
    assert isinstance(obj, core.ConfigMap | core.Secret)
    return list(obj.data)


async def _show(client: Client, wanted: Wanted, which: Sequence[Named], change: Change) -> None:
    for found in await find(client, wanted, which):
        for container in meant(pod_spec(found.obj), change.containers, str(found.target)):
            click.echo(f"# {found.target}, container {container.name}")
            for line in listed(container):
                click.echo(line)

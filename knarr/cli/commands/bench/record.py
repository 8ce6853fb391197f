"""knarr bench record: what scheduling depends on, into a file."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message

from knarr import __version__
from knarr.api import kinds
from knarr.api.yaml_values import read_documents
from knarr.cli.failure import Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.client import Client
from knarr.clock import RandomIds, SystemClock
from knarr.recording.anonymous import Anonymiser, anonymiser_for
from knarr.recording.files import Header, write_recording
from knarr.recording.reduced import RECORDED, reduced


@knarr_command("record", short_help="Write what scheduling depends on to a file")
@click.option(
    "--output", "-o", "path", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Where to."
)
@click.option("--anonymise", is_flag=True, help="Without names: decisions stay the same, and ties too.")
def command(invocation: Invocation, path: Path, anonymise: bool) -> None:
    """Write what scheduling depends on to a file: nodes, pods, priority classes, disruption budgets, pod
    groups, claims, volumes, selectors, profiles. Environment, commands and annotations are never in it.

    The file is gzip'd text, one object a line: look into it with zcat.

    \b
      knarr bench record -o cluster.knarr.gz --anonymise
      knarr bench replay cluster.knarr.gz
    """

    async def work(client: Client) -> tuple[Sequence[Message], dict[str, Any] | None]:
        found: list[Message] = []
        for kind in RECORDED:
            async for page in client.pages(kind.message):
                found += page.items
        return found, _configuration(await client.scheduler_configuration())

    objects, configuration = invocation.run(work)
    now = datetime.fromtimestamp(SystemClock().now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    anonymiser = anonymiser_for(objects, RandomIds().token()) if anonymise else None
    if anonymiser is not None and configuration is not None:
        configuration = anonymiser.configuration(configuration)
    header = Header(now, anonymise, __version__, configuration)
    try:
        size = write_recording(path, header, _lines(objects, anonymiser))
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    counted = ", ".join(_counted(objects, kind) for kind in (kinds.NODE, kinds.POD))
    click.echo(f"{path}: {counted}, {size / 1024:.0f} KiB")


def _counted(objects: Sequence[Message], kind: kinds.Kind) -> str:
    many = sum(kinds.of(obj) is kind for obj in objects)
    return f"{many} {kind.singular if many == 1 else kind.plural}"


def _lines(objects: Sequence[Message], anonymiser: Anonymiser | None) -> Iterator[dict[str, Any]]:
    for obj in objects:
        value = reduced(kinds.of(obj), obj)
        yield value if anonymiser is None else anonymiser.object(value)


def _configuration(text: str) -> dict[str, Any] | None:
    """A KubeSchedulerConfiguration as JSON; None for none."""
    documents = [document.value for document in read_documents(text, "the server's") if document.value]
    return dict(json.loads(json.dumps(documents[0]))) if documents else None

"""knarr create job."""

from collections.abc import Sequence

import click

from knarr.api.kinds import CRON_JOB
from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import job, job_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.resources import parse_one
from knarr.cli.writing import Writing, writes
from knarr.proto.kubernetes import batch_v1_pb2 as batch


@knarr_command("job", short_help="A job")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[-- COMMAND…]")
@click.option("--image", help="What to run.")
@click.option("--from", "source", metavar="cronjob/NAME", help="Run a cron job out of its turn.")
@writes("knarr-create")
def command(
    invocation: Invocation,
    name: str,
    arguments: Sequence[str],
    image: str | None,
    source: str | None,
    writing: Writing,
) -> None:
    """Create a job of an image, or of a cron job.

    \b
      knarr create job once --image=busybox -- echo hello
      knarr create job test --from=cronjob/nightly
    """
    if (image is None) == (source is None):
        raise Failure("give either --image or --from", USAGE)
    if image is not None:
        made = job(name, image, arguments)
    else:
        made = _from(invocation, name, source or "", arguments)
    create(invocation, [new(made, invocation)], writing)


def _from(invocation: Invocation, name: str, source: str, arguments: Sequence[str]) -> batch.Job:
    target = parse_one([source])
    if target.kind is not CRON_JOB or arguments:
        raise Failure("--from takes cronjob/NAME, and no command", USAGE)
    namespace = invocation.namespace_or_default()
    return job_of(name, invocation.run(lambda client: client.get(batch.CronJob, namespace, target.name)))

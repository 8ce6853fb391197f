"""knarr autoscale: a horizontal pod autoscaler for objects that have a scale."""

import click

from knarr.api.codec import object_to_dict
from knarr.api.kinds import HORIZONTAL_POD_AUTOSCALER
from knarr.cli.choosing import Found, Wanted, chooses, find, named_with_scale
from knarr.cli.creating import New, create_all
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes
from knarr.client import Client
from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling
from knarr.proto.kubernetes import meta_v1_pb2 as meta


@knarr_command("autoscale", short_help="Let the number of pods follow the load")
@chooses()
@click.option(
    "--min", "least", type=click.IntRange(min=1), default=1, show_default=True, help="Pods at least."
)
@click.option("--max", "most", type=click.IntRange(min=1), required=True, help="Pods at most.")
@click.option(
    "--cpu-percent", type=click.IntRange(min=1), default=80, show_default=True, help="Of the request."
)
@click.option("--name", default="", help="The autoscaler's name; the object's when not given.")
@writes("knarr-autoscale")
def command(
    invocation: Invocation,
    wanted: Wanted,
    least: int,
    most: int,
    cpu_percent: int,
    name: str,
    writing: Writing,
) -> None:
    """Create a horizontal pod autoscaler for each object: as many pods as keep their CPU use at a share of
    what they request.

    \b
      knarr autoscale deploy web --min=2 --max=10 --cpu-percent=70
    """
    if least > most:
        raise Failure(f"--min={least} is more than --max={most}", USAGE)
    which = named_with_scale(wanted, invocation)

    async def work(client: Client) -> None:
        found = await find(client, wanted, which)
        made = [_autoscaler(each, name, least, most, cpu_percent) for each in found]
        await create_all(client, made, writing, "autoscaled")

    invocation.run(work)


def _autoscaler(found: Found, name: str, least: int, most: int, cpu_percent: int) -> New:
    kind = found.target.kind
    made = autoscaling.HorizontalPodAutoscaler(
        metadata=meta.ObjectMeta(name=name or found.target.name, namespace=found.namespace)
    )
    made.spec.scaleTargetRef.apiVersion = kind.api_version
    made.spec.scaleTargetRef.kind = kind.name
    made.spec.scaleTargetRef.name = found.target.name
    made.spec.minReplicas, made.spec.maxReplicas = least, most
    metric = made.spec.metrics.add(type="Resource")
    metric.resource.name = "cpu"
    metric.resource.target.type = "Utilization"
    metric.resource.target.averageUtilization = cpu_percent
    return New(HORIZONTAL_POD_AUTOSCALER, found.namespace, object_to_dict(made))

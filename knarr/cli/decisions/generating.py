"""Objects made from a few words, as `kubectl create` makes them. Pure."""

import re
from collections.abc import Mapping, Sequence

from knarr.cli.failure import USAGE, Failure
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta


def config_map(name: str, data: Mapping[str, bytes]) -> core.ConfigMap:
    """Texts as data, the rest as binaryData."""
    made = core.ConfigMap(metadata=meta.ObjectMeta(name=name))
    for key, value in data.items():
        try:
            made.data[key] = value.decode()
        except UnicodeDecodeError:
            made.binaryData[key] = value
    return made


def secret(name: str, data: Mapping[str, bytes], type: str) -> core.Secret:
    return core.Secret(metadata=meta.ObjectMeta(name=name), type=type, data=data)


def deployment(
    name: str, images: Sequence[str], *, replicas: int, port: int | None, command: Sequence[str]
) -> apps.Deployment:
    """A container for each image; raises Failure for a command that could be any of several containers'."""
    if len(images) > 1 and command:
        raise Failure("a command goes with one --image only", USAGE)
    labels = {"app": name}
    made = apps.Deployment(metadata=meta.ObjectMeta(name=name, labels=labels))
    made.spec.replicas = replicas
    made.spec.selector.matchLabels.update(labels)
    made.spec.template.metadata.labels.update(labels)
    for image in images:
        container = made.spec.template.spec.containers.add(image=image, command=command)
        taken = {each.name for each in made.spec.template.spec.containers}
        container.name = _free(container_name(image), taken)
        if port is not None:
            container.ports.add(containerPort=port)
    return made


def job(name: str, image: str, command: Sequence[str]) -> batch.Job:
    made = batch.Job(metadata=meta.ObjectMeta(name=name))
    template = made.spec.template.spec
    template.restartPolicy = "Never"
    template.containers.add(name=name, image=image, command=command)
    return made


def cron_job(name: str, image: str, schedule: str, restart: str, command: Sequence[str]) -> batch.CronJob:
    made = batch.CronJob(metadata=meta.ObjectMeta(name=name))
    made.spec.schedule = schedule
    made.spec.jobTemplate.spec.CopyFrom(job(name, image, command).spec)
    made.spec.jobTemplate.spec.template.spec.restartPolicy = restart
    return made


def job_of(name: str, owner: batch.CronJob) -> batch.Job:
    """A run of a cron job out of its turn."""
    template = owner.spec.jobTemplate
    made = batch.Job(spec=template.spec)
    made.metadata.name = name
    made.metadata.labels.update(template.metadata.labels)
    made.metadata.annotations.update(template.metadata.annotations)
    made.metadata.annotations["cronjob.kubernetes.io/instantiate"] = "manual"
    made.metadata.ownerReferences.add(
        apiVersion="batch/v1",
        kind="CronJob",
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
    )
    return made


def quota(name: str, hard: Mapping[str, str], scopes: Sequence[str]) -> core.ResourceQuota:
    made = core.ResourceQuota(metadata=meta.ObjectMeta(name=name))
    for resource, amount in hard.items():
        made.spec.hard[resource].string = amount
    made.spec.scopes.extend(scopes)
    return made


def container_name(image: str) -> str:
    """ "nginx" of "registry:5000/library/nginx:1.29@sha256:…"."""
    last = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-")[:63] or "main"


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name-2, name-3, … that is not taken."""
    candidates = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 2))]
    return next(candidate for candidate in candidates if candidate not in taken)

"""The revisions of a deployment: its replica sets in the order in which they were made. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from knarr.cli.failure import FAILED, Failure
from knarr.client import metadata_of
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, its cause as people noted it, and its template without the label of its hash."""

    number: int
    cause: str
    template: core.PodTemplateSpec


def revisions_of(deployment: apps.Deployment, replica_sets: Sequence[apps.ReplicaSet]) -> list[Revision]:
    """The revisions, oldest first. Replica sets of others are passed over."""
    uid = deployment.metadata.uid
    own = [
        each
        for each in replica_sets
        if any(owner.controller and owner.uid == uid for owner in metadata_of(each).ownerReferences)
    ]
    found = [_revision(each) for each in own if each.metadata.annotations.get(REVISION, "").isdecimal()]
    return sorted(found, key=lambda each: each.number)


def _revision(replica_set: apps.ReplicaSet) -> Revision:
    template = core.PodTemplateSpec()
    template.CopyFrom(replica_set.spec.template)
    template.metadata.labels.pop(HASH, None)
    annotations = replica_set.metadata.annotations
    return Revision(int(annotations[REVISION]), annotations.get(CHANGE_CAUSE, ""), template)


def revision(found: Sequence[Revision], number: int, where: str) -> Revision:
    """The revision of that number; raises Failure."""
    for each in found:
        if each.number == number:
            return each
    known = ", ".join(str(each.number) for each in found) or "none"
    raise Failure(f"{where} has no revision {number}; known: {known}", FAILED)


def before(found: Sequence[Revision], number: int, where: str) -> Revision:
    """The revision to go back to: `number`, or with 0 the last but one; raises Failure."""
    if number:
        return revision(found, number, where)
    if len(found) < 2:
        raise Failure(f"{where} has no revision before this one", FAILED)
    return found[-2]

"""Give a claim a volume that it can have. Pure."""

from collections.abc import Iterator

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.filters.volume_binding import NONE_FREE, asked_of
from control_plane.scheduler.why.changes import PutVolume, Trial
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal
from control_plane.volumes.matching import STORAGE
from knarr.proto.kubernetes import core_v1_pb2 as core

NEW_VOLUME = "new-volume"


def add_volume(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """For each claim that waits for its pod: a volume as it asks for, which every node reaches."""
    if NONE_FREE not in refusal.counts:
        return
    for name, _ in asked_of(trial.view).open:
        claim = trial.cluster.storage.claim(name)
        if claim is not None:
            size, of_class = claim.spec.resources.requests[STORAGE].string, claim.spec.storageClassName
            what = f"add a volume of {size} and class {of_class}"
            text = f"{what}, on a node that takes the pod, for claim {name[1]}"
            yield Proposal(Effort.BUY, text, PutVolume(_volume_for(claim)))


def _volume_for(claim: core.PersistentVolumeClaim) -> core.PersistentVolume:
    made = core.PersistentVolume()
    made.metadata.name = NEW_VOLUME
    made.metadata.labels.update(claim.spec.selector.matchLabels)
    spec, asked = made.spec, claim.spec
    spec.storageClassName = asked.storageClassName
    spec.accessModes.extend(asked.accessModes)
    spec.capacity[STORAGE].CopyFrom(asked.resources.requests[STORAGE])
    if asked.HasField("volumeMode"):
        spec.volumeMode = asked.volumeMode
    return made

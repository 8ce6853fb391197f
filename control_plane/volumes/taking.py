"""A volume that is taken for a claim, until the claim's pod has its node; then it is the claim's for good.

Taken: the volume points at the claim and carries TAKEN_AT, and the claim does not know of it. No pod can have
written to it for this claim, since agents mount what the claim says. So it may be let go, or another be taken
in its place, without a look at what it holds. Settled: the mark is taken off, then the claim is told; nobody
lets it go again. Every step changes the volume by compare-and-set, so of settling and letting go only one can
happen. Pure.
"""

from typing import Final

from control_plane.volumes.matching import point_at, points_at
from knarr.api.errors import FormatError
from knarr.api.times import format_time, parse_time
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core

TAKEN_AT: Final = "knarr.io/taken-at"
# Longer than any scheduler is between taking a volume and its pod being bound (volumes_timeout_s, the wait
# for a full binder, bind_timeout_s), clocks that differ by half a minute included.
HELD_S: Final = 120.0


def is_taken(volume: core.PersistentVolume) -> bool:
    """Whether the volume is a claim's only until further notice."""
    return volume.spec.HasField("claimRef") and TAKEN_AT in volume.metadata.annotations


def taken(
    volume: core.PersistentVolume, claim: core.PersistentVolumeClaim, now: float
) -> core.PersistentVolume | None:
    """The volume as it is to be written for the claim; None when it is the claim's for good already.

    One that was taken before is taken anew: whoever was about to let it go has lost. `now` is seconds since
    1970. Raises Conflict when the volume or the claim is somebody else's."""
    own = volume.metadata.name
    if claim.spec.volumeName not in ("", own):
        raise Conflict(f"claim {claim.metadata.name} has got volume {claim.spec.volumeName}")
    if volume.spec.HasField("claimRef") and not points_at(volume, claim):
        raise Conflict(f"volume {own} was taken by another claim")
    if volume.spec.HasField("claimRef") and not is_taken(volume):
        if volume.spec.claimRef.uid:
            return None
        return settled(volume, claim)  # kept for it by somebody who knew its name alone
    made = settled(volume, claim)
    made.metadata.annotations[TAKEN_AT] = format_time(int(now))
    return made


def settled(volume: core.PersistentVolume, claim: core.PersistentVolumeClaim) -> core.PersistentVolume:
    """The volume as the claim's for good."""
    made = let_go(volume)
    point_at(made, claim)
    return made


def let_go(volume: core.PersistentVolume) -> core.PersistentVolume:
    """The volume as nobody's."""
    made = core.PersistentVolume()
    made.CopyFrom(volume)
    made.metadata.annotations.pop(TAKEN_AT, None)
    made.spec.ClearField("claimRef")
    return made


def held_for_s(volume: core.PersistentVolume, now: float) -> float:
    """How many seconds more the volume is held although no pod with its claim has a node; 0: no longer."""
    try:
        since, _ = parse_time(volume.metadata.annotations[TAKEN_AT])
    except FormatError:
        return 0.0  # written by somebody else
    return max(0.0, min(HELD_S, since + HELD_S - now))

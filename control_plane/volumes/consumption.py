"""Which volume a claim of a class that waits gets once a pod with it has a node. Pure.

Source: kubernetes.io/docs/concepts/storage/storage-classes (WaitForFirstConsumer). Kubernetes leaves this to
its scheduler and so has no volume for a pod that comes with its nodeName; here such pods get one too.
"""

from collections.abc import Iterable, Sequence

from control_plane.volumes.matching import best, points_at
from control_plane.volumes.reach import reaches
from control_plane.volumes.taking import is_taken
from knarr.proto.kubernetes import core_v1_pb2 as core


def for_consumers(
    claim: core.PersistentVolumeClaim,
    volumes: Sequence[core.PersistentVolume],
    nodes: Iterable[core.Node],
) -> core.PersistentVolume | None:
    """The volume that is the claim's for good; else, of those that a node of its pods reaches, one that was
    taken for it or the smallest free one. None: there is none, or no pod has a node yet."""
    own = [volume for volume in volumes if points_at(volume, claim)]
    settled = next((volume for volume in own if not is_taken(volume)), None)
    if settled is not None:
        return settled
    for node in nodes:
        found = best(claim, (volume for volume in volumes if reaches(node, volume)))
        if found is not None:
            return found
    return None

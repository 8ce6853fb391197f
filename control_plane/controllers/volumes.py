"""The volume controller: binds claims to volumes, and says of each what has become of it.

Source: Kubernetes' persistent volume controller. A volume is taken first (its claimRef, by compare-and-set:
two claims never share one), then the claim is told; whatever is interrupted is taken up where it stopped.
Where a class waits for a consumer, the scheduler takes the volume, once it knows the node of the claim's pod;
it is the claim's for good when a pod with it is on its node, and let go when none is after a while
(control_plane/volumes/taking.py). A pod that came with its node gets a volume that the node reaches.
Nothing makes volumes, and nothing deletes what they hold: a volume that is let go stays Released, or fails
where its policy asks for more.
"""

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Failure
from control_plane.controllers.consumers import Consumers
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.volume_decisions import ClaimSnapshot, Snapshot, VolumeSnapshot, decide
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from control_plane.volumes.consumption import for_consumers
from control_plane.volumes.matching import points_at, waits_for_consumer
from control_plane.volumes.taking import is_taken
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"


class VolumeController:
    """Decides about claims and volumes."""

    name = "volumes"
    primaries: Sequence[type[Message]] = (core.PersistentVolumeClaim, core.PersistentVolume)

    def __init__(self) -> None:
        self._waiting: dict[ObjectKey, str] = {}  # claims without a volume -> their class
        self._kept: dict[ObjectKey, set[str]] = {}  # claims -> volumes that point at them
        self._consumers = Consumers()
        self.watches: Mapping[type[Message], KeysOf] = {
            core.PersistentVolumeClaim: self._of_claim,
            core.PersistentVolume: self._of_volume,
            storage.StorageClass: self._of_class,
            core.Pod: self._of_pod,
            core.Node: self._of_node,
        }

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> Snapshot | None:
        if key.kind == VOLUME:
            volume = objects.get(core.PersistentVolume, "", key.name)
            return None if volume is None else self._volume_snapshot(objects, volume)
        claim = objects.get(core.PersistentVolumeClaim, key.namespace, key.name)
        if claim is None:
            return None
        found = objects.get(storage.StorageClass, "", claim.spec.storageClassName)
        if claim.spec.volumeName:
            return ClaimSnapshot(claim, found, objects.get(core.PersistentVolume, "", claim.spec.volumeName))
        consumers = self._consumers.of(objects, key)
        if waits_for_consumer(found):
            kept = [objects.get(core.PersistentVolume, "", name) for name in self._kept.get(key, ())]
            own = tuple(volume for volume in kept if volume is not None and points_at(volume, claim))
            if not consumers or for_consumers(claim, own, [each.node for each in consumers]) is not None:
                return ClaimSnapshot(claim, found, None, own, consumers)
        return ClaimSnapshot(claim, found, None, tuple(objects.list(core.PersistentVolume)), consumers)

    def _volume_snapshot(self, objects: Objects, volume: core.PersistentVolume) -> VolumeSnapshot:
        claim = _claim_of(objects, volume)
        consumers = self._consumers.of(objects, _claim_key(volume)) if is_taken(volume) else ()
        return VolumeSnapshot(volume, claim, consumers)

    def decide(self, snapshot: Snapshot, now: float) -> tuple[Action, ...]:
        """What to write."""
        return decide(snapshot, now)

    def _of_claim(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        self._waiting.pop(change.key, None)
        keys = self._with_kept(change.key)
        for claim in (change.old, change.new):
            if isinstance(claim, core.PersistentVolumeClaim) and claim.spec.volumeName:
                keys.append(ObjectKey(VOLUME, "", claim.spec.volumeName))
        if isinstance(change.new, core.PersistentVolumeClaim) and not change.new.spec.volumeName:
            self._waiting[change.key] = change.new.spec.storageClassName
        return keys

    def _with_kept(self, claim: ObjectKey) -> list[ObjectKey]:
        return [claim, *(ObjectKey(VOLUME, "", name) for name in self._kept.get(claim, ()))]

    def _of_volume(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        """A volume that is free may be what a claim waits for."""
        keys = [change.key]
        for volume, adds in ((change.old, False), (change.new, True)):
            if isinstance(volume, core.PersistentVolume) and volume.spec.HasField("claimRef"):
                claim = _claim_key(volume)
                keys.append(claim)
                self._note_kept(claim, change.key.name, adds)
        if isinstance(change.new, core.PersistentVolume) and not change.new.spec.HasField("claimRef"):
            wanted = change.new.spec.storageClassName
            keys += [key for key, of_class in self._waiting.items() if of_class == wanted]
        return keys

    def _note_kept(self, claim: ObjectKey, volume: str, kept: bool) -> None:
        volumes = self._kept.setdefault(claim, set())
        (volumes.add if kept else volumes.discard)(volume)
        if not volumes:
            del self._kept[claim]

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        """Claims that have their volume do not ask where their pods are."""
        claims = [claim for claim in self._consumers.changed(change) if claim in self._waiting]
        return [key for claim in claims for key in self._with_kept(claim)]

    def _of_node(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        """A node that comes, or whose labels change, may reach what a pod of its waits for."""
        if not self._waiting:
            return ()
        old, new = change.old, change.new
        if not isinstance(new, core.Node):
            return ()
        if isinstance(old, core.Node) and old.metadata.labels == new.metadata.labels:
            return ()
        return [claim for claim in self._waiting if self._consumers.known(claim)]

    def _of_class(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        return [key for key, of_class in self._waiting.items() if of_class == change.key.name]


def _claim_key(volume: core.PersistentVolume) -> ObjectKey:
    return ObjectKey(CLAIM, volume.spec.claimRef.namespace, volume.spec.claimRef.name)


def _claim_of(objects: Objects, volume: core.PersistentVolume) -> core.PersistentVolumeClaim | None:
    if not volume.spec.HasField("claimRef"):
        return None
    reference = volume.spec.claimRef
    claim = objects.get(core.PersistentVolumeClaim, reference.namespace, reference.name)
    return claim if claim is not None and points_at(volume, claim) else None

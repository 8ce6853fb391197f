"""Protection of storage in use: takes the API's finalizers off claims and volumes that are being deleted, as
soon as no pod uses the claim and the volume is bound to none.

Source: Kubernetes' pvc- and pv-protection controllers. A pod uses its claims from when it has a node until it
is gone, whatever has become of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.strategies.storage import CLAIM_PROTECTION, VOLUME_PROTECTION
from control_plane.controllers.actions import Action, Failure, Update, copy_of, metadata
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from control_plane.volumes.mounting import claims_of
from knarr.api.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from knarr.proto.kubernetes import core_v1_pb2 as core

_FINALIZERS = {
    PERSISTENT_VOLUME_CLAIM.name: CLAIM_PROTECTION,
    PERSISTENT_VOLUME.name: VOLUME_PROTECTION,
}
_BOUND = "Bound"


@dataclass(frozen=True, slots=True)
class ProtectionSnapshot:
    """A claim or a volume that is being deleted, and whether it is in use."""

    obj: Message
    finalizer: str
    in_use: bool


class ProtectionController:
    """Lets unused claims and volumes go."""

    name = "storage-protection"
    primaries: Sequence[type[Message]] = (core.PersistentVolumeClaim, core.PersistentVolume)

    def __init__(self) -> None:
        self.watches: Mapping[type[Message], KeysOf] = {
            core.PersistentVolumeClaim: self._of_storage,
            core.PersistentVolume: self._of_storage,
            core.Pod: self._of_pod,
        }

    def snapshot(
        self, objects: Objects, key: ObjectKey, failure: Failure | None
    ) -> ProtectionSnapshot | None:
        obj: Message | None
        if key.kind == PERSISTENT_VOLUME_CLAIM.name:
            obj = objects.get(core.PersistentVolumeClaim, key.namespace, key.name)
        else:
            obj = objects.get(core.PersistentVolume, "", key.name)
        finalizer = _FINALIZERS[key.kind]
        if obj is None or not _is_held(obj, finalizer):
            return None
        if isinstance(obj, core.PersistentVolume):
            return ProtectionSnapshot(obj, finalizer, obj.status.phase == _BOUND)
        pods = objects.list(core.Pod, key.namespace)
        return ProtectionSnapshot(obj, finalizer, any(key.name in _claims(pod) for pod in pods))

    def decide(self, snapshot: ProtectionSnapshot, now: float) -> tuple[Action, ...]:
        """Take the finalizer off what is not used."""
        if snapshot.in_use:
            return ()
        freed = copy_of(snapshot.obj)
        metadata(freed).finalizers.remove(snapshot.finalizer)
        return (Update(freed),)

    def _of_storage(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        held = change.new is not None and _is_held(change.new, _FINALIZERS[change.key.kind])
        return (change.key,) if held else ()

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        """Only the end of a pod frees its claims."""
        if change.new is not None or not isinstance(change.old, core.Pod):
            return ()
        namespace = change.key.namespace
        return tuple(ObjectKey(PERSISTENT_VOLUME_CLAIM.name, namespace, name) for name in _claims(change.old))


def _is_held(obj: Message, finalizer: str) -> bool:
    own = metadata(obj)
    return own.HasField("deletionTimestamp") and finalizer in own.finalizers


def _claims(pod: core.Pod) -> frozenset[str]:
    """The claims that a pod uses; one that no node runs yet uses none."""
    return claims_of(pod.spec) if pod.spec.nodeName else frozenset()

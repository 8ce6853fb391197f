"""What the server writes into claims and volumes: a finalizer, so that storage in use is not taken away.

Source: Kubernetes' admission plugin StorageObjectInUseProtection. control_plane/controllers/protection.py
takes the finalizers off again.
"""

from typing import Final

from control_plane.api.strategies.strategy import Strategy
from knarr.proto.kubernetes import core_v1_pb2 as core

CLAIM_PROTECTION: Final = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION: Final = "kubernetes.io/pv-protection"


def _protect_claim(claim: core.PersistentVolumeClaim) -> None:
    if CLAIM_PROTECTION not in claim.metadata.finalizers:
        claim.metadata.finalizers.append(CLAIM_PROTECTION)


def _protect_volume(volume: core.PersistentVolume) -> None:
    if VOLUME_PROTECTION not in volume.metadata.finalizers:
        volume.metadata.finalizers.append(VOLUME_PROTECTION)


CLAIM: Final = Strategy(finish_create=_protect_claim)
VOLUME: Final = Strategy(finish_create=_protect_volume)

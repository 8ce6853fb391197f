"""DefaultStorageClass and DefaultIngressClass: what is made without a class gets the default one. Pure.

Of several defaults the newest counts, then the one whose name comes first, as in Kubernetes.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import storage_v1_pb2 as storage

C = TypeVar("C", bound=Message)

STORAGE_DEFAULT: Final = "storageclass.kubernetes.io/is-default-class"
_STORAGE_DEFAULT_BETA: Final = "storageclass.beta.kubernetes.io/is-default-class"
_STORAGE_CLASS_BETA: Final = "volume.beta.kubernetes.io/storage-class"
INGRESS_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
_INGRESS_CLASS_OLD: Final = "kubernetes.io/ingress.class"


def fill_storage_class(claim: core.PersistentVolumeClaim, classes: Iterable[storage.StorageClass]) -> None:
    """Name the default class, in place, in a claim that names none; "" names none on purpose."""
    if claim.spec.HasField("storageClassName") or _STORAGE_CLASS_BETA in claim.metadata.annotations:
        return
    chosen = _default(classes, (STORAGE_DEFAULT, _STORAGE_DEFAULT_BETA))
    if chosen is not None:
        claim.spec.storageClassName = chosen.metadata.name


def fill_ingress_class(ingress: networking.Ingress, classes: Iterable[networking.IngressClass]) -> None:
    """The same of an ingress."""
    if ingress.spec.HasField("ingressClassName") or _INGRESS_CLASS_OLD in ingress.metadata.annotations:
        return
    chosen = _default(classes, (INGRESS_DEFAULT,))
    if chosen is not None:
        ingress.spec.ingressClassName = chosen.metadata.name


def _default(classes: Iterable[C], annotations: Iterable[str]) -> C | None:
    names = tuple(annotations)
    found = [
        each for each in classes if any(metadata(each).annotations.get(name) == "true" for name in names)
    ]
    return min(
        found, key=lambda each: (-metadata(each).creationTimestamp.seconds, metadata(each).name), default=None
    )

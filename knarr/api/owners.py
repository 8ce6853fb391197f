"""Who owns an object, as its metadata says. Pure."""

from knarr.proto.kubernetes import meta_v1_pb2 as meta


def controller_of(metadata: meta.ObjectMeta) -> meta.OwnerReference | None:
    """The owner reference of the one that controls the object, if any."""
    for owner in metadata.ownerReferences:
        if owner.controller:
            return owner
    return None

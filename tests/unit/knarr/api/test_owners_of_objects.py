"""Who controls an object."""

from knarr.api.owners import controller_of
from knarr.proto.kubernetes import meta_v1_pb2 as meta


def test_the_controller_is_the_owner_that_is_marked_as_one() -> None:
    metadata = meta.ObjectMeta()
    assert controller_of(metadata) is None
    metadata.ownerReferences.add(kind="ConfigMap", name="a", controller=False)
    metadata.ownerReferences.add(kind="Job", name="b")
    assert controller_of(metadata) is None
    metadata.ownerReferences.add(kind="ReplicaSet", name="c", controller=True)
    assert controller_of(metadata) == metadata.ownerReferences[2]

"""Claims and volumes that are being deleted stay while they are used, and go then."""

from control_plane.controllers.protection import ProtectionController
from control_plane.objects.interface import DeleteOptions, ObjectKey
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import attach, decided, step
from tests.support.model import Model

CLAIM = ObjectKey("PersistentVolumeClaim", "shop", "data")
VOLUME = ObjectKey("PersistentVolume", "", "disk")


def claim(model: Model) -> None:
    found = core.PersistentVolumeClaim()
    found.metadata.namespace, found.metadata.name = CLAIM.namespace, CLAIM.name
    found.metadata.finalizers.append("kubernetes.io/pvc-protection")
    model.put_new(found)


def pod(model: Model, name: str, *, node: str, claim_name: str = CLAIM.name) -> ObjectKey:
    found = core.Pod()
    found.metadata.namespace, found.metadata.name = CLAIM.namespace, name
    found.spec.nodeName = node
    found.spec.volumes.add(name="v").volumeSource.persistentVolumeClaim.claimName = claim_name
    found.status.phase = "Succeeded"  # it counts until it is gone
    model.put_new(found)
    return ObjectKey("Pod", CLAIM.namespace, name)


def test_a_claim_stays_until_the_last_pod_that_uses_it_is_gone() -> None:
    model, controller = Model(), ProtectionController()
    keys = attach(model, controller)
    claim(model)
    using = pod(model, "using", node="n1")
    pod(model, "waiting", node="")
    pod(model, "other", node="n1", claim_name="elsewhere")
    assert decided(model, controller, CLAIM) == ()

    model.remove(CLAIM)
    assert decided(model, controller, CLAIM) == ()
    keys.clear()
    model.remove(using, DeleteOptions(grace_period_s=0))

    assert CLAIM in keys
    step(model, controller, CLAIM)
    assert model.get(core.PersistentVolumeClaim, "shop", "data") is None


def test_a_volume_stays_while_it_is_bound() -> None:
    model, controller = Model(), ProtectionController()
    attach(model, controller)
    found = core.PersistentVolume()
    found.metadata.name = VOLUME.name
    found.metadata.finalizers.append("kubernetes.io/pv-protection")
    found.status.phase = "Bound"
    model.put_new(found)
    model.remove(VOLUME)
    assert decided(model, controller, VOLUME) == ()

    released = model.one(core.PersistentVolume, "", VOLUME.name)
    released.status.phase = "Released"
    model.put_status(released)
    step(model, controller, VOLUME)

    assert model.get(core.PersistentVolume, "", VOLUME.name) is None

"""The scale subresource: how many replicas, without the rest of the object. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources and Kubernetes'
pkg/registry/apps/deployment/storage.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import metadata
from control_plane.api.patching import field_sets
from control_plane.api.patching.ownership import stored_managers
from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.api.selectors import from_labels, from_message
from knarr.errors import BadRequest, Cause, NotFound
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core

SCALE: Final = "scale"
SCALE_KIND: Final = Kind("autoscaling", "v1", "Scale", "scales", (), True, autoscaling.Scale)
REPLICAS: Final[field_sets.FieldSet] = {"f:spec": {"f:replicas": {}}}


def scale_of(obj: Message) -> autoscaling.Scale:
    """The scale of an object; raises NotFound for a kind that has none."""
    parent = _scaled(obj)
    scale = autoscaling.Scale()
    own = metadata(obj)
    scale.metadata.name, scale.metadata.namespace = own.name, own.namespace
    scale.metadata.uid, scale.metadata.resourceVersion = own.uid, own.resourceVersion
    scale.metadata.creationTimestamp.CopyFrom(own.creationTimestamp)
    _copy_owners(obj, scale)
    scale.spec.replicas = parent.spec.replicas
    scale.status.replicas = parent.status.replicas
    scale.status.selector = _selector(obj)
    return scale


def _scaled(obj: Message) -> Any:
    if SCALE not in kinds.of(obj).subresources:
        raise NotFound("the server could not find the requested resource")
    return obj


def _selector(obj: Any) -> str:
    if isinstance(obj, core.ReplicationController):
        return str(from_labels(obj.spec.selector))
    return str(from_message(obj.spec.selector))


def _copy_owners(obj: Message, scale: autoscaling.Scale) -> None:
    """Those who own the number of replicas, as owners of the scale's."""
    for name, owned in sorted(stored_managers(metadata(obj).managedFields).items()):
        if not field_sets.intersection(owned.fields, REPLICAS):
            continue
        entry = scale.metadata.managedFields.add(
            manager=name.manager,
            operation=name.operation,
            apiVersion=SCALE_KIND.api_version,
            fieldsType="FieldsV1",
            subresource=name.subresource,
        )
        entry.fieldsV1.Raw = field_sets.encode(REPLICAS)
        if owned.time:
            entry.time.seconds = owned.time


def set_scale(obj: Message, scale: autoscaling.Scale) -> Message:
    """The object with the scale's replicas, in place; raises Invalid, and Conflict for another object's."""
    parent, own = _scaled(obj), metadata(obj)
    if scale.metadata.uid and scale.metadata.uid != own.uid:
        raise refusals.conflict(kinds.of(obj), own.name, refusals.failed("UID", scale.metadata.uid, own.uid))
    if scale.spec.replicas < 0:
        cause = Cause(
            "spec.replicas",
            "FieldValueInvalid",
            f"Invalid value: {scale.spec.replicas}: must be greater than or equal to 0",
        )
        raise refusals.invalid_as("Scale", "autoscaling", own.name, [cause])
    parent.spec.replicas = scale.spec.replicas
    own.resourceVersion = scale.metadata.resourceVersion
    return obj


def applied_to(kind: Kind, applied: Mapping[str, Any]) -> dict[str, Any]:
    """What applying the document of a Scale applies to an object of `kind`: who owns the replicas of the one
    owns those of the other. Raises BadRequest for a document that is no Scale."""
    named = (applied.get("apiVersion"), applied.get("kind"))
    if named != (SCALE_KIND.api_version, SCALE_KIND.name):
        raise BadRequest(
            f"the applied document is {named[1]} of {named[0]}, expected Scale of autoscaling/v1"
        )
    given, spec = applied.get("metadata"), applied.get("spec")
    names = {
        key: given[key]
        for key in ("name", "namespace", "uid", "resourceVersion")
        if isinstance(given, Mapping) and key in given
    }
    document: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": names}
    if isinstance(spec, Mapping) and "replicas" in spec:
        document["spec"] = {"replicas": spec["replicas"]}
    return document

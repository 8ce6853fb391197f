"""The scale subresource: how many replicas, without the rest of the object. Pure."""

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import metadata
from knarr.api.kinds import Kind
from knarr.api.selectors import from_message
from knarr.errors import Cause, NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling

SCALE_KIND = Kind("autoscaling", "v1", "Scale", "scales", (), True, autoscaling.Scale)


def scale_of(obj: Message) -> autoscaling.Scale:
    """The scale of an object; raises NotFound for a kind that has none."""
    if not isinstance(obj, apps.Deployment | apps.ReplicaSet):
        raise NotFound("the server could not find the requested resource")
    scale = autoscaling.Scale()
    own = metadata(obj)
    scale.metadata.name, scale.metadata.namespace = own.name, own.namespace
    scale.metadata.uid, scale.metadata.resourceVersion = own.uid, own.resourceVersion
    scale.metadata.creationTimestamp.CopyFrom(own.creationTimestamp)
    scale.spec.replicas = obj.spec.replicas
    scale.status.replicas = obj.status.replicas
    scale.status.selector = str(from_message(obj.spec.selector))
    return scale


def set_scale(obj: Message, scale: autoscaling.Scale) -> Message:
    """The object with the scale's replicas, in place; raises Invalid."""
    if not isinstance(obj, apps.Deployment | apps.ReplicaSet):
        raise NotFound("the server could not find the requested resource")
    if scale.spec.replicas < 0:
        cause = Cause(
            "spec.replicas",
            "FieldValueInvalid",
            f"Invalid value: {scale.spec.replicas}: must be greater than or equal to 0",
        )
        raise refusals.invalid_as("Scale", "autoscaling", obj.metadata.name, [cause])
    obj.spec.replicas = scale.spec.replicas
    obj.metadata.resourceVersion = scale.metadata.resourceVersion
    return obj

"""Which pods an object stands for. Only reads."""

from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.objects.interface import Objects
from control_plane.volumes.mounting import claims_of
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling


def pods_of(objects: Objects, obj: Message) -> Sequence[core.Pod]:
    """The pods that it controls; of a service those that it selects, of a claim or a group those that name
    it."""
    own = metadata(obj)
    if isinstance(obj, core.PersistentVolumeClaim):
        return [pod for pod in _alive(objects, own.namespace) if own.name in claims_of(pod.spec)]
    if isinstance(obj, scheduling.PodGroup):
        alive = _alive(objects, own.namespace)
        return [pod for pod in alive if pod.spec.schedulingGroup.podGroupName == own.name]
    if isinstance(obj, core.Service):
        labels = meta.LabelSelector(matchLabels=dict(obj.spec.selector))
        return objects.list(core.Pod, own.namespace, labels=labels) if obj.spec.selector else []
    uids = [own.uid]
    if isinstance(obj, apps.Deployment):
        uids = [one.metadata.uid for one in replica_sets_of(objects, obj)]
    return [pod for uid in uids for pod in objects.list(core.Pod, own.namespace, owner_uid=uid)]


def _alive(objects: Objects, namespace: str) -> Sequence[core.Pod]:
    return [pod for pod in objects.list(core.Pod, namespace) if not is_finished(pod)]


def replica_sets_of(objects: Objects, obj: apps.Deployment) -> Sequence[apps.ReplicaSet]:
    """The ReplicaSets of a Deployment."""
    return objects.list(apps.ReplicaSet, obj.metadata.namespace, owner_uid=obj.metadata.uid)


def jobs_of(objects: Objects, obj: batch.CronJob) -> Sequence[batch.Job]:
    """The jobs of a cron job."""
    return objects.list(batch.Job, obj.metadata.namespace, owner_uid=obj.metadata.uid)

"""What `knarr describe` says of an object: a few kinds have forms of their own. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message

from knarr.cli.describing import batch, config, general, limits, node, pod, service, workload
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch_v1
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy

# message: (what to say, given the related objects that knarr.cli.related finds)
DESCRIBERS: dict[type[Message], Callable[[Text, Any, Sequence[Message]], None]] = {
    core.Pod: pod.describe,
    core.Node: node.describe,
    core.Service: service.describe,
    core.ConfigMap: config.describe_config_map,
    core.Secret: config.describe_secret,
    core.Namespace: limits.describe_namespace,
    core.ResourceQuota: limits.describe_quota,
    core.LimitRange: limits.describe_limit_range,
    policy.PodDisruptionBudget: limits.describe_budget,
    apps.Deployment: workload.describe_deployment,
    apps.ReplicaSet: workload.describe_replica_set,
    apps.StatefulSet: workload.describe_stateful_set,
    apps.DaemonSet: workload.describe_daemon_set,
    batch_v1.Job: batch.describe_job,
    batch_v1.CronJob: batch.describe_cron_job,
}


def describe(obj: Message, related: Sequence[Message], now: float) -> str:
    """The description of an object without its events."""
    text = Text(now)
    DESCRIBERS.get(type(obj), general.describe)(text, obj, related)
    return text.finished()

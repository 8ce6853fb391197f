"""What `knarr describe` says of an object: one file a kind, and a general form for the rest. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message

from knarr.cli.describing import config, general, node, pod, workload
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

# message: (what to say, given the related objects that `related` in commands/describe.py finds)
DESCRIBERS: dict[type[Message], Callable[[Text, Any, Sequence[Message]], None]] = {
    core.Pod: pod.describe,
    core.Node: node.describe,
    core.ConfigMap: config.describe_config_map,
    core.Secret: config.describe_secret,
    apps.Deployment: workload.describe_deployment,
    apps.ReplicaSet: workload.describe_replica_set,
}


def describe(obj: Message, related: Sequence[Message], now: float) -> str:
    """The description of an object without its events."""
    text = Text(now)
    DESCRIBERS.get(type(obj), general.describe)(text, obj, related)
    return text.finished()

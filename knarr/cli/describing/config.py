"""Descriptions of config maps and secrets."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import core_v1_pb2 as core


def describe_config_map(text: Text, obj: core.ConfigMap, related: Sequence[Message]) -> None:
    """Every key with its text; binary values by their size."""
    text.metadata(obj.metadata)
    with text.block("Data"):
        for key, value in sorted(obj.data.items()):
            text.field(key, value)
        for key, binary in sorted(obj.binaryData.items()):
            text.field(key, f"{len(binary)} bytes")


def describe_secret(text: Text, obj: core.Secret, related: Sequence[Message]) -> None:
    """The keys and sizes, never the values."""
    text.metadata(obj.metadata)
    text.field("Type", obj.type)
    with text.block("Data"):
        for key, value in sorted(obj.data.items()):
            text.field(key, f"{len(value)} bytes")

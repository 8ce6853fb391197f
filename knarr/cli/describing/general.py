"""The description of a kind that has none of its own: all its fields."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from knarr.api.codec import to_dict
from knarr.cli.describing.text import Text
from knarr.client import metadata_of


def describe(text: Text, obj: Message, related: Sequence[Message]) -> None:
    """Metadata, then every other field as it stands."""
    text.metadata(metadata_of(obj))
    for key, value in to_dict(obj).items():
        if key != "metadata":
            _value(text, _title(key), value)


def _value(text: Text, label: str, value: Any) -> None:
    if label == "Conditions" and isinstance(value, list):
        columns = ("type", "status", "reason", "message")
        rows = [[str(each.get(column, "")) for column in columns] for each in value]
        text.table(label, [column.upper() for column in columns], rows)
    elif isinstance(value, dict) and value:
        with text.block(label):
            for key, inner in value.items():
                _value(text, _title(key), inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, item in enumerate(value, 1):
            _value(text, f"{label} {number}", item)
    elif isinstance(value, list):
        text.field(label, ", ".join(str(item) if item != "" else '""' for item in value))
    else:
        text.field(label, "" if value in ({}, None) else value)


def _title(key: str) -> str:
    """ "clusterIP" as "Cluster IP", "app.kubernetes.io/name" as it is."""
    if not key.isalnum():
        return key
    words = "".join(
        f" {letter}" if letter.isupper() and index and not key[index - 1].isupper() else letter
        for index, letter in enumerate(key)
    )
    return words[:1].upper() + words[1:]

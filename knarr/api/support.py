"""Interim."""

from google.protobuf.message import Message

from knarr.api.kinds import Kind


def check_support(kind: Kind, message: Message) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Interim."""
    return (), ()

"""Reaching into messages of any kind: metadata, spec and status, and their stored form.

Stored bytes have no resourceVersion: it is the store's version, and put back when an object is handed out.
"""

from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from knarr.api.kinds import Kind
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)

_METADATA_TAG = b"\x0a"  # field 1, bytes: metadata, in every object
_VERSION_TAG = b"\x32"  # field 6, bytes: resourceVersion, in metadata


def metadata(message: Message) -> meta.ObjectMeta:
    """The object's metadata (every served kind has it)."""
    return cast(meta.ObjectMeta, message.metadata)  # type: ignore[attr-defined]


def part(message: Message, name: str) -> Any:
    """Its spec, status, …; only for kinds that have it."""
    return getattr(message, name)


def has_part(kind: Kind, name: str) -> bool:
    return name in kind.message.DESCRIPTOR.fields_by_name


def copy(message: M) -> M:
    """A message of the caller's own."""
    result = type(message)()
    result.CopyFrom(message)
    return result


def encode(message: Message) -> bytes:
    """The stored form. The message's resourceVersion is cleared on the way."""
    metadata(message).resourceVersion = ""
    return message.SerializeToString(deterministic=True)


def decode(kind: Kind, value: bytes, version: int) -> Message:
    """The object of a stored value, resourceVersion filled in. Raises google.protobuf.message.DecodeError."""
    message = kind.message.FromString(value)
    metadata(message).resourceVersion = str(version)
    return message


def with_version(value: bytes, version: int) -> bytes:
    """Stored bytes with resourceVersion filled in, without parsing them.

    A parser merges an embedded message that occurs twice, so a second metadata with nothing but the
    version is appended (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    text = str(version).encode()  # under 128 bytes, so each length is one byte
    return b"".join(
        (
            value,
            _METADATA_TAG,
            bytes((len(text) + 2,)),
            _VERSION_TAG,
            bytes((len(text),)),
            text,
        )
    )

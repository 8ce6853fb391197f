"""Kubernetes' protobuf form of an object: four bytes, then an envelope that names its type.

An object's own bytes carry neither apiVersion nor kind; the envelope does. Current clients of Kubernetes send
bodies in this form. The envelope is `runtime.Unknown`; its type meta and body are the only fields in use.
"""

from typing import Final, TypeVar

from google.protobuf.message import DecodeError as WireError
from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.codec import Decoded, decode, kind_of_dict, to_dict
from knarr.api.conversion import other_version
from knarr.api.errors import EnvelopeError
from knarr.api.normal import normalise
from knarr.api.schema import api_version

M = TypeVar("M", bound=Message)

MAGIC: Final = b"k8s\x00"
CONTENT_TYPE: Final = "application/vnd.kubernetes.protobuf"
_TYPE_META, _RAW, _ENCODING, _CONTENT_TYPE = 1, 2, 3, 4  # fields of the envelope
_API_VERSION, _KIND = 1, 2  # fields of its type meta
_LENGTH_DELIMITED: Final = 2


def read(data: bytes) -> Decoded[Message]:
    """The object in an envelope, of the kind it names. Raises EnvelopeError and DecodeError."""
    return read_object(data, kind_of(data).message)


def read_object(data: bytes, message: type[M]) -> Decoded[M]:
    """The object in an envelope, which names a version of the message's kind. Raises as `read`."""
    api_version, name, raw = unwrap(data)
    version = other_version({"apiVersion": api_version, "kind": name})
    if version is None:
        return read_message(raw, message)
    old = read_message(raw, version.message)
    return Decoded(decode(version.convert(to_dict(old.message)), message).message, old.unknown)


def read_message(raw: bytes, message: type[M]) -> Decoded[M]:
    """A message from the bytes of a Kubernetes client, in the same form as from JSON.

    Raises EnvelopeError for bytes that are no such message, DecodeError for values that do not fit.
    """
    try:
        parsed = message.FromString(raw)
    except WireError as error:
        raise EnvelopeError(f"the body is no {message.DESCRIPTOR.name}: {error}") from error
    unknown = normalise(parsed)
    if unknown:
        parsed.DiscardUnknownFields()
        normalise(parsed)  # structs that held nothing else are absent
    return Decoded(parsed, unknown)


def write(message: Message) -> bytes:
    """The envelope of an object (or a list of objects)."""
    descriptor = message.DESCRIPTOR
    meta = _field(_API_VERSION, api_version(descriptor).encode()) + _field(_KIND, descriptor.name.encode())
    raw = message.SerializeToString()
    return (
        MAGIC
        + _field(_TYPE_META, meta)
        + _field(_RAW, raw)
        + _field(_ENCODING, b"")
        + _field(_CONTENT_TYPE, b"")
    )


def unwrap(data: bytes) -> tuple[str, str, bytes]:
    """(apiVersion, kind, the object's bytes) of an envelope. Raises EnvelopeError."""
    if not data.startswith(MAGIC):
        raise EnvelopeError("the body does not start with the four bytes k8s\\0")
    outer = _fields(data[len(MAGIC) :])
    inner = _fields(outer.get(_TYPE_META, b""))
    if outer.get(_ENCODING):
        raise EnvelopeError("the envelope has a content encoding, and none is known")
    content_type = outer.get(_CONTENT_TYPE, b"")
    if content_type not in (b"", CONTENT_TYPE.encode()):
        raise EnvelopeError(f"the envelope's content type is {content_type!r}, not protobuf")
    try:
        return inner.get(_API_VERSION, b"").decode(), inner.get(_KIND, b"").decode(), outer.get(_RAW, b"")
    except UnicodeDecodeError as error:
        raise EnvelopeError("the envelope's apiVersion or kind is not UTF-8") from error


def kind_of(data: bytes) -> kinds.Kind:
    """The served kind that an envelope names. Raises EnvelopeError and DecodeError."""
    version, name, _ = unwrap(data)
    return kind_of_dict({"apiVersion": version, "kind": name})


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | _LENGTH_DELIMITED]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _fields(data: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message; the envelope has no others."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 != _LENGTH_DELIMITED:
            raise EnvelopeError(f"the envelope has a field of wire type {tag & 7} at byte {at}")
        length, at = _read_varint(data, at)
        if at + length > len(data):
            raise EnvelopeError(f"the envelope ends within a field at byte {at}")
        found[tag >> 3] = data[at : at + length]
        at += length
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise EnvelopeError("the envelope ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise EnvelopeError(f"the envelope has a number that is too long at byte {at}")

"""Protobuf bytes with something changed on the level of the wire: fields moved, doubled, mistyped, cut."""

from random import Random
from typing import Final

from tests.fuzz.mutation import texts

_VARINTS: Final = (0, 1, 2, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_LARGEST: Final = 100_000  # bytes
_Field = tuple[bytes, int, bytes]  # tag, wire type, the value without its length


def mutated(data: bytes, other: bytes, rng: Random) -> bytes:
    """The message with one thing changed; `other` lends fields."""
    if rng.random() < 0.15:
        return texts.mutated_bytes(data, rng)
    found = split(data)
    if not found:
        return texts.mutated_bytes(data, rng)
    at = rng.randrange(len(found))
    tag, wire_type, value = found[at]
    match rng.randrange(8):
        case 0:
            del found[at]
        case 1:
            found.insert(rng.randrange(len(found) + 1), found[at])
        case 2:
            lent = split(other)
            if lent:
                found[at] = (tag, *rng.choice(lent)[1:]) if rng.random() < 0.5 else rng.choice(lent)
        case 3:
            found.append(
                (
                    varint(rng.choice((1, 2, 3, 7, 15, 1000, 2**28)) << 3 | 2),
                    2,
                    texts.text(rng).encode(errors="replace"),
                )
            )
        case _:
            found[at] = (tag, wire_type, _value(wire_type, value, other, rng))
    return joined(found)


def _value(wire_type: int, value: bytes, other: bytes, rng: Random) -> bytes:
    if wire_type == 0:
        return varint(rng.choice(_VARINTS))
    if wire_type != 2:
        return bytes(rng.choices(range(256), k=len(value)))
    if rng.random() < 0.7 and split(value):
        return mutated(value, other, rng)
    if rng.random() < 0.002:
        return rng.choice((b"x" * 1_200_000, b"x" * 10_000_000, b'{"a":' * 100_000))
    made = texts.mutated(value.decode(errors="replace"), rng) if rng.random() < 0.6 else texts.text(rng)
    return made.encode("utf-8", rng.choice(("replace", "surrogatepass")))


def split(data: bytes) -> list[_Field]:
    """The fields of a message; none when the bytes are no message, or too many to be taken apart."""
    found: list[_Field] = []
    if len(data) > _LARGEST:
        return found
    at = 0
    while at < len(data):
        start = at
        tag, at = _number(data, at)
        wire_type = tag & 7
        if at < 0 or wire_type not in (0, 1, 2, 5) or tag >> 3 == 0:
            return []
        key = data[start:at]
        if wire_type == 2:
            length, at = _number(data, at)
        elif wire_type == 0:
            begin = at
            _, at = _number(data, at)
            length, at = (at - begin, begin) if at >= 0 else (0, -1)
        else:
            length = 8 if wire_type == 1 else 4
        if at < 0 or at + length > len(data):
            return []
        found.append((key, wire_type, data[at : at + length]))
        at += length
    return found


def joined(found: list[_Field]) -> bytes:
    """The bytes of fields."""
    parts: list[bytes] = []
    for tag, wire_type, value in found:
        parts += (tag, varint(len(value)), value) if wire_type == 2 else (tag, value)
    return b"".join(parts)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """(number, where it ends), or an end of -1."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return 0, -1
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, -1

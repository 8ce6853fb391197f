"""Huge and deep values, written short: a placeholder in the text of an input that is expanded before use.

An input with 10 MB of text or 100,000 brackets is then a file of a few bytes, and can be made of JSON values.
"""

import re
from random import Random
from typing import Final

_PLACEHOLDER: Final = re.compile(rb'"<<(text|list|map|objects|named|deep-list|deep-map) (\d{1,8})>>"')
MOST: Final = 10_000_000  # characters
MOST_VALUES: Final = 100_000
_CHOICES: Final = (
    ("text", (1_000, 70_000, 1_200_000, 10_000_000)),
    ("list", (1_000, 100_000)),
    ("map", (1_000, 100_000)),
    ("objects", (1_000, 100_000)),
    ("named", (1_000, 50_000)),
    ("deep-list", (90, 101, 1_000, 100_000)),
    ("deep-map", (90, 101, 1_000, 100_000)),
)


def placeholder(rng: Random) -> str:
    """The text that stands for a huge value."""
    shape, counts = rng.choice(_CHOICES)
    return f"<<{shape} {rng.choice(counts)}>>"


def expanded(data: bytes) -> bytes:
    """The input in its full size; at most one placeholder of the largest sizes is honoured."""
    if b"<<" not in data:
        return data
    left = MOST

    def value(found: "re.Match[bytes]") -> bytes:
        nonlocal left
        count = min(int(found[2]), left, MOST if found[1] == b"text" else MOST_VALUES)
        left -= count
        return _value(found[1].decode(), count)

    return _PLACEHOLDER.sub(value, data)


def _value(shape: str, count: int) -> bytes:
    match shape:
        case "text":
            return b'"' + b"x" * count + b'"'
        case "list":
            return b"[" + b",".join([b'"x"'] * count) + b"]"
        case "map":
            return b"{" + b",".join(b'"k%d":"x"' % index for index in range(count)) + b"}"
        case "objects":
            return b"[" + b",".join([b"{}"] * count) + b"]"
        case "named":
            return b"[" + b",".join(b'{"name":"n%d"}' % index for index in range(count)) + b"]"
        case "deep-list":
            return b"[" * count + b"]" * count
    return b'{"a":' * count + b"0" + b"}" * count

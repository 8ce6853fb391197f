"""What a pure function made of the messages that it saw lately.

Objects come in many equal copies below their metadata: a thousand pods of one template have one spec. What a
function of such a part alone finds out, it finds out once. The memory is bounded, and parts that are large or
that never come again cost little more than they did. Whoever uses this answers for the function being pure.
"""

from hashlib import blake2b
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

T = TypeVar("T")

MOST: Final = 2_048  # messages of one function
LARGEST_BYTES: Final = 8_192  # of a message remembered; with MOST, at most 16 MiB for what is made of them
# The types that are told apart from the rest of an object because they come in many equal copies.
REPEATED: Final = frozenset({"knarr.core.v1.PodSpec"})
_DIGEST_BYTES: Final = 16


class Recent(Generic[T]):
    """The newest results by message; the oldest are forgotten first."""

    __slots__ = ("_most", "_results")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._results: dict[bytes, T] = {}

    def get(self, key: bytes) -> T | None:
        """The result for the message with this key; None when there is none or it was forgotten."""
        return self._results.get(key)

    def put(self, key: bytes, result: T) -> None:
        """Remember a result; the empty key stands for messages that are not remembered."""
        if not key:
            return
        if len(self._results) >= self._most:
            del self._results[next(iter(self._results))]
        self._results[key] = result


def key_of(message: Message) -> bytes:
    """The same for messages whose bytes are equal, and for no others; empty for one that is too large."""
    value = message.SerializeToString()
    return blake2b(value, digest_size=_DIGEST_BYTES).digest() if len(value) <= LARGEST_BYTES else b""

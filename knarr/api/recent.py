"""What a pure function made of the messages that it saw lately.

Objects come in many equal copies below their metadata: a thousand pods of one template have one spec. What a
function of such a part alone finds out, it finds out once. The memory is bounded. Where parts never come
again it is not looked at for a while, so that they cost what they did without it. Whoever uses this answers
for the function being pure.
"""

from hashlib import blake2b
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

T = TypeVar("T")

MOST: Final = 2_048  # messages of one function
LARGEST_BYTES: Final = 8_192  # of a message remembered; with MOST, at most 16 MiB for what is made of them
# The types that are told apart from the rest of an object because they come in many equal copies.
REPEATED: Final = frozenset({"knarr.core.v1.PodSpec"})
JUDGED: Final = (
    64  # messages; where fewer than one in LEAST_KNOWN of them was known, the next are passed over
)
LEAST_KNOWN: Final = 8
PASSED: Final = 512
_DIGEST_BYTES: Final = 16


class Recent(Generic[T]):
    """The results of late by message. They stand in two halves: when the newer one is full, the older one is
    forgotten; what is asked for again moves to the newer one."""

    __slots__ = ("_asked", "_half", "_known", "_newer", "_older", "_passed")

    def __init__(self, most: int = MOST) -> None:
        self._half = most // 2
        self._newer: dict[bytes, T] = {}
        self._older: dict[bytes, T] = {}
        self._asked = 0  # since it was last judged whether asking is of use
        self._known = 0  # of those
        self._passed = 0  # messages that are still to be passed over

    def key(self, message: Message) -> bytes:
        """The same for messages whose bytes are equal, and for no others; empty for a message that is not
        remembered: it is too large, or others were not worth it lately."""
        if self._passed:
            self._passed -= 1
            return b""
        value = message.SerializeToString()
        return blake2b(value, digest_size=_DIGEST_BYTES).digest() if len(value) <= LARGEST_BYTES else b""

    def get(self, key: bytes) -> T | None:
        """The result for the message with this key; None when there is none or it was forgotten."""
        if not key:
            return None
        result = self._newer.get(key)
        if result is None:
            result = self._older.get(key)
            if result is not None:
                self.put(key, result)
        self._judge(result is not None)
        return result

    def put(self, key: bytes, result: T) -> None:
        """Remember a result, unless the key is empty."""
        if not key:
            return
        if len(self._newer) >= self._half:
            self._older, self._newer = self._newer, {}
        self._newer[key] = result

    def _judge(self, known: bool) -> None:
        self._asked += 1
        self._known += known
        if self._asked == JUDGED:
            if self._known * LEAST_KNOWN < JUDGED:
                self._passed = PASSED
            self._asked = self._known = 0

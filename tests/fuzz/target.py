"""What a target is, and what counts as its failure."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Protocol

from google.protobuf.message import Message

from knarr.errors import ApiError
from tests.fuzz.paths import untrue_path

_CAUSES_CHECKED = 20

# Tries one input; returns the answer in a few words. Raises whatever is a failure.
Try = Callable[[bytes], Awaitable[str]]


class Target(Protocol):
    """A way into Knarr. An input is bytes, so that any can be kept as a file and played again."""

    @property
    def name(self) -> str: ...

    def seeds(self) -> Sequence[bytes]:
        """Inputs to begin with."""
        ...

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        """A new input made from two known ones."""
        ...

    def opened(self) -> AbstractAsyncContextManager[Try]:
        """A world to try inputs in, gone with the context."""
        ...


class Wrong(AssertionError):
    """Nothing crashed, but the answer is not what it must be."""


def refusal(error: ApiError, message: type[Message] | None, value: object = None) -> str:
    """The answer in a few words, when an error is one that a client's input may get; raises Wrong.

    With the message that was asked for and the document that was given, each cause must name a field that
    the kind or the document has.
    """
    too_new = error.code == 504 and any(cause.reason == "ResourceVersionTooLarge" for cause in error.causes)
    if not 400 <= error.code < 500 and not too_new:
        raise Wrong(f"{error.code} {error.reason}: {error.message}") from error
    if not error.message:
        raise Wrong(f"{error.code} without a message") from error
    status = error.status()  # must be sayable
    words = [str(error.code), error.reason]
    for cause in status.details.causes[:_CAUSES_CHECKED]:
        if not cause.reason or not cause.message:
            raise Wrong(f"a cause without reason or message: {cause}") from error
        if message is not None and (wrong := untrue_path(message, cause.field, value)):
            raise Wrong(f"a cause names a field that there is not: {wrong} of {cause.field[:200]}") from error
        words.append(f"{_shape(cause.field)}:{cause.reason}")
    if not status.details.causes:
        words.append(_shape(error.message)[:60])
    return " ".join(words[:8])


def _shape(text: str) -> str:
    """Without what differs from one input to the next: indexes, keys, quoted text, numbers."""
    out: list[str] = []
    quoted = bracketed = False
    for char in text[:300]:
        if char == '"':
            quoted = not quoted
        elif char in "[]":
            bracketed = char == "["
        elif not quoted and not bracketed and not char.isdigit() and char.isascii():
            out.append(char)
    return "".join(out)

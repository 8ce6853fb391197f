"""Time, ids and randomness, handed to whoever needs them; nothing else may ask the machine for them.

Waiting is done with asyncio (sleep, timeout), whose loop a simulation replaces by one with virtual time.
"""

import random
import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> float:
        """Seconds since 1970, UTC: for timestamps that people or other machines read."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, never going back: for durations."""
        ...


class Ids(Protocol):
    """Names nobody else has."""

    def uid(self) -> str:
        """A UUID for metadata.uid."""
        ...

    def suffix(self, length: int) -> str:
        """Random letters and digits fit for a generated name (no vowels, so no words come out)."""
        ...

    def token(self) -> str:
        """An unguessable string."""
        ...


SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def _uid(randomness: random.Random) -> str:
    """The text of a random UUID (RFC 9562, version 4), in a quarter of the time that uuid.UUID takes."""
    digits = f"{randomness.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class RandomIds:
    """Ids from the operating system's randomness; it seeds the uids, which need not be unguessable, so that
    no object costs a system call."""

    def __init__(self) -> None:
        self._random = random.Random(secrets.randbits(256))

    def uid(self) -> str:
        return _uid(self._random)

    def suffix(self, length: int) -> str:
        return "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(length))

    def token(self) -> str:
        return secrets.token_urlsafe(24)


class SeededIds:
    """Ids from one seed: the same every time, for tests and simulation."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uid(self) -> str:
        return _uid(self._random)

    def suffix(self, length: int) -> str:
        return "".join(self._random.choice(SUFFIX_ALPHABET) for _ in range(length))

    def token(self) -> str:
        return f"{self._random.getrandbits(144):036x}"

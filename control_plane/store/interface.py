"""The Store: a small versioned key-value store with compare-and-set, consistent lists and resumable watches.

Two implementations, EtcdStore and MemoryStore, held to one contract suite (tests/contract/store).

Versions. Every change has a version that is unique and increasing: the etcd revision times 64 plus the
change's position in its batch. A list answers with position 63 of its revision, so that a watch can
resume anywhere, also in the middle of a batch. A compare-and-set compares the revision part.

Errors:

    StoreError
    ├── CompactedError      that version is no longer kept: list again
    ├── UnavailableError    the store cannot be reached; nothing was done
    └── AmbiguousError      a write was sent and its outcome could not be learnt: read before you retry
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

POSITIONS = 64  # versions in one revision; the last is a list's own
MAX_BATCH = POSITIONS - 1
MAX_TOGETHER = 50  # writes that are done all or not at all
EMPTY = 2 * POSITIONS - 1  # the version of a store in which nothing was ever written
ABSENT = 0  # as `expected`: the key must not exist


class StoreError(Exception):
    """The store did not do what was asked."""


class CompactedError(StoreError):
    """The version asked for is no longer kept; list again at `oldest` or later."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(
            f"version {asked} was compacted" + (f", the oldest kept is {oldest}" if oldest else "")
        )
        self.asked = asked
        self.oldest = oldest


class FutureVersionError(StoreError):
    """The store has not come to the version asked for; or it was restored from an older state."""


class UnavailableError(StoreError):
    """The store cannot be reached; nothing was done."""


class AmbiguousError(StoreError):
    """A write was sent and its outcome could not be learnt."""


@dataclass(frozen=True, slots=True)
class Record:
    """One stored value."""

    key: str
    value: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a consistent list. `version` (position 63) is that of the whole list."""

    records: tuple[Record, ...]
    version: int
    more: bool  # there are keys after the last one here
    remaining: int  # how many of them


@dataclass(frozen=True, slots=True)
class Write:
    """One compare-and-set. `value` None deletes; `expected` None compares nothing, ABSENT: must not exist.

    A write with others in `also` is one step: all of them are done if every comparison holds, and none if one
    does not. They are at most MAX_TOGETHER in all, each has a key of its own and compares, and deletions
    among them, which keep the position of what they delete, differ in it (`expected` % POSITIONS)."""

    key: str
    value: bytes | None
    expected: int | None
    lease: int = 0
    also: tuple["Write", ...] = ()

    def __post_init__(self) -> None:
        if self.also:
            _check_together((self, *self.also))


def _check_together(writes: Sequence[Write]) -> None:
    deletions = [write.expected % POSITIONS for write in writes if write.value is None and write.expected]
    if (
        len(writes) > MAX_TOGETHER
        or len({write.key for write in writes}) < len(writes)
        or len(set(deletions)) < len(deletions)
        or any(position >= MAX_BATCH for position in deletions)
        or any(write.expected is None for write in writes)
        or any(write.also for write in writes[1:])
    ):
        raise ValueError("these writes cannot be done in one step")


class Written(NamedTuple):
    """The write was done; `version` is that of the change, `also` those of the writes done with it."""

    version: int
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A comparison failed; `current` is what is stored now, `also` the same of each write of `Write.also`."""

    current: Record | None
    also: tuple[Record | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The write was not done, or (AmbiguousError) perhaps."""

    error: StoreError


Outcome = Written | Refused | Failed


class Change(NamedTuple):
    """One change seen by a watch. `value` None: deleted. `previous`: the value before, if there was one."""

    key: str
    value: bytes | None
    version: int
    previous: bytes | None


class Lease(Protocol):
    """Keeps keys alive; kept alive itself until closed or lost."""

    id: int

    @property
    def ended(self) -> bool:
        """Whether the lease has, or may have, ended in the store."""
        ...

    async def lost(self) -> None:
        """Return once the lease has, or may have, ended in the store."""
        ...

    async def close(self) -> None:
        """Revoke: its keys are deleted at once."""
        ...


class Store(Protocol):
    """A versioned key-value store. Keys are paths; a prefix ends with a slash."""

    async def get(self, key: str) -> Record | None:
        """The newest value, linearisable."""
        ...

    async def list(self, prefix: str, *, limit: int = 0, after: str = "", version: int = 0) -> Page:
        """Records under `prefix` by key, at most `limit` (0: all), from after key `after`, as they were at
        `version` (0: now). Raises CompactedError."""
        ...

    async def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Do each write on its own; outcomes in order. Writes of many callers are batched together.

        The same key may stand in several writes; they are then done one after another. A write with `also`
        keeps no order with others, and may fail with AmbiguousError after one that succeeded."""
        ...

    def watch(self, prefix: str, version: int) -> AsyncGenerator[Sequence[Change], None]:
        """Changes under `prefix` with a version above `version`, for ever, across reconnects: never lost,
        never twice, those of one revision always together. Version 0: from the first change ever.
        Raises CompactedError."""
        ...

    async def lease(self, ttl_s: float) -> Lease:
        """A lease that is renewed until it is closed."""
        ...

    async def compact(self, version: int) -> None:
        """Forget versions before `version`."""
        ...

    async def close(self) -> None:
        """End all watches and leases and let go of the connection."""
        ...

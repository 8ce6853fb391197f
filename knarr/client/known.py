"""What a client knows of the objects of one kind, and what each list or event changes about that. Pure.

It holds serialised objects: they take a fraction of the memory of messages, and nobody who reads one can
change what others read. A list taken after events were missed is turned into the changes that were missed:
what is no longer there was deleted, and what has the name but not the uid was deleted and made anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

Key = tuple[str, str]  # namespace, name


class ChangeType(StrEnum):
    """What happened to an object."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as a list or an event tells it."""

    key: Key
    uid: str  # "" where it is not known: then an object of the same name is the same object
    value: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One change of what is known."""

    type: ChangeType
    key: Key
    value: bytes  # of a deleted object its last state
    previous: bytes | None


class Known:
    """The objects of one kind."""

    def __init__(self) -> None:
        self._objects: dict[Key, Seen] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> bytes | None:
        seen = self._objects.get(key)
        return seen.value if seen is not None else None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._objects)

    def put(self, seen: Seen) -> list[Step]:
        """An object is there, like this: no step when it was so before, two when it is another one."""
        before = self._objects.get(seen.key)
        self._objects[seen.key] = seen
        if before is None:
            return [Step(ChangeType.ADDED, seen.key, seen.value, None)]
        if before.value == seen.value:
            return []
        if before.uid != seen.uid:
            return [
                Step(ChangeType.DELETED, seen.key, before.value, before.value),
                Step(ChangeType.ADDED, seen.key, seen.value, None),
            ]
        return [Step(ChangeType.MODIFIED, seen.key, seen.value, before.value)]

    def drop(self, key: Key, last: bytes | None = None) -> list[Step]:
        """An object is gone; `last` is its last state, where that is told."""
        before = self._objects.pop(key, None)
        if before is None:
            return []
        return [Step(ChangeType.DELETED, key, last if last is not None else before.value, before.value)]

    def replace(self, listed: Sequence[Seen]) -> Iterator[Step]:
        """Just these are there now: deletions first, then the rest in the order given. Each step is made when
        it is asked for, so that a long list can be taken in slices; all of them must be."""
        there = {seen.key for seen in listed}
        for key in [key for key in self._objects if key not in there]:
            yield from self.drop(key)
        for seen in listed:
            yield from self.put(seen)

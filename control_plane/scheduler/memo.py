"""Remembers what depends on nodes alone, until a node changes, who is meant by whose terms, and who would
have to go from a node. Bounded; pure."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from control_plane.scheduler.shape import NodeWishes, Shape

_MAX_BYTES = 64 * 2**20
_BYTES_PER_ROW = 24  # a mask and up to two raw scores
_MAX_SHAPES = 4_096
_MAX_PREEMPTING = 8  # shapes; each knows something of up to all nodes


class Memo:
    """The least recently used goes first."""

    def __init__(self) -> None:
        self._judged: OrderedDict[NodeWishes, dict[Hashable, Any]] = OrderedDict()
        self._version = -1
        self._meant: OrderedDict[Shape, dict[str, Any]] = OrderedDict()
        self._candidates: OrderedDict[Shape, tuple[Any, dict[int, Any]]] = OrderedDict()

    def judged(self, wishes: NodeWishes, version: int, size: int) -> dict[Hashable, Any]:
        """What is known of these wishes while nodes are at `version`; the caller adds to it."""
        if version != self._version:
            self._judged.clear()
            self._version = version
        found = self._judged.get(wishes)
        if found is None:
            found = self._judged[wishes] = {}
            if len(self._judged) > max(16, _MAX_BYTES // max(1, _BYTES_PER_ROW * size)):
                self._judged.popitem(last=False)
        else:
            self._judged.move_to_end(wishes)
        return found

    def meant(self, shape: Shape) -> dict[str, Any]:
        """What is known of terms that mean this shape; the caller adds to it and says when it is old."""
        found = self._meant.get(shape)
        if found is None:
            found = self._meant[shape] = {}
            if len(self._meant) > _MAX_SHAPES:
                self._meant.popitem(last=False)
        else:
            self._meant.move_to_end(shape)
        return found

    def candidates(self, shape: Shape, basis: Any) -> dict[int, Any]:
        """By row, what is known of preempting for the shape there while `basis` is the same; the caller adds
        to it and says when a row is old."""
        known = self._candidates.pop(shape, None)
        if known is None or known[0] != basis:
            known = (basis, {})
        self._candidates[shape] = known
        if len(self._candidates) > _MAX_PREEMPTING:
            self._candidates.popitem(last=False)
        return known[1]

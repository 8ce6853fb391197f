"""Remembers, per shape, what depends on nodes alone, until a node changes. Bounded; pure."""

from collections import OrderedDict
from typing import Any

from control_plane.scheduler.shape import Shape

_MAX_BYTES = 64 * 2**20
_BYTES_PER_ROW = 24  # a mask and up to two raw scores


class Memo:
    """Shape -> results that hold for one version of the nodes; the least recently used go first."""

    def __init__(self) -> None:
        self._results: OrderedDict[Shape, dict[str, Any]] = OrderedDict()
        self._version = -1

    def of(self, shape: Shape, version: int, size: int) -> dict[str, Any]:
        """What is known of a shape while nodes are at `version`; the caller adds to it."""
        if version != self._version:
            self._results.clear()
            self._version = version
        found = self._results.get(shape)
        if found is not None:
            self._results.move_to_end(shape)
            return found
        fresh: dict[str, Any] = {}
        self._results[shape] = fresh
        if len(self._results) > max(16, _MAX_BYTES // max(1, _BYTES_PER_ROW * size)):
            self._results.popitem(last=False)
        return fresh

"""How many pods of which shape run on which node, and counts derived from that, kept by events.

A Tally is a vector over rows: the sum, over the pods of a row, of a weight that depends on the pod's shape
alone ("matches this selector", "carries this anti-affinity term", "belongs to this owner"). It is built once
from the sparse counts per shape, then updated with every pod that comes or goes, and dropped when it was not
asked for in a while (bounded in bytes). Pure.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from control_plane.scheduler.nodes import Amount
from control_plane.scheduler.shape import PodTerm, Shape

Weigh = Callable[[Shape, Mapping[str, str]], int]  # shape and its labels -> weight of one pod
_MAX_BYTES = 64 * 2**20


@dataclass(eq=False, slots=True)
class Tally:
    weigh: Weigh
    counts_terminating: bool
    vector: Amount
    dropped: bool = False


@dataclass(eq=False, slots=True)
class _Crowd:
    """The pods of one shape: row -> how many; `leaving` those of them that are terminating."""

    labels: Mapping[str, str]
    rows: dict[int, int] = field(default_factory=dict)
    leaving: dict[int, int] = field(default_factory=dict)
    tallies: list[tuple[Tally, int]] = field(default_factory=list)


class Population:
    """See the module's docstring.

    `anti_terms` and `score_terms`: the required anti-affinity terms, and those that count for scores, of all
    pods there are, with the number of shapes that carry them; `terms_version` grows with each change of them.
    """

    def __init__(self) -> None:
        self.terms_version = 0
        self.anti_terms: dict[PodTerm, int] = {}
        self.score_terms: dict[PodTerm, int] = {}
        self._crowds: dict[Shape, _Crowd] = {}
        self._tallies: OrderedDict[Hashable, Tally] = OrderedDict()
        self._capacity = 0

    def shapes(self) -> Iterable[Shape]:
        """The shapes that have pods now."""
        return self._crowds.keys()

    def rows(self, shape: Shape) -> Mapping[int, int]:
        """row -> number of pods of the shape."""
        crowd = self._crowds.get(shape)
        return crowd.rows if crowd else {}

    def grow(self, capacity: int) -> None:
        """Make room for rows below `capacity`."""
        if capacity > self._capacity:
            self._capacity = capacity
            for tally in self._tallies.values():
                tally.vector = np.pad(tally.vector, (0, capacity - len(tally.vector)))

    def add(self, shape: Shape, row: int, copies: int, terminating: bool = False) -> None:
        """Count `copies` (negative: off) pods of a shape on a row."""
        crowd = self._crowds.get(shape) or self._appear(shape)
        _count(crowd.rows, row, copies)
        if terminating:
            _count(crowd.leaving, row, copies)
        stale = False
        for tally, weight in crowd.tallies:
            if tally.dropped:
                stale = True
            elif tally.counts_terminating or not terminating:
                tally.vector[row] += copies * weight
        if stale:
            crowd.tallies = [pair for pair in crowd.tallies if not pair[0].dropped]
        if not crowd.rows:
            del self._crowds[shape]
            self._carry(shape, -1)

    def tally(self, key: Hashable, weigh: Weigh, counts_terminating: bool) -> Amount:
        """The vector for a key; `weigh` must be the same function of shapes each time."""
        found = self._tallies.get(key)
        if found is not None:
            self._tallies.move_to_end(key)
            return found.vector
        tally = Tally(weigh, counts_terminating, np.zeros(self._capacity))
        for shape, crowd in self._crowds.items():
            weight = weigh(shape, crowd.labels)
            if weight:
                crowd.tallies.append((tally, weight))
                _fill(tally.vector, crowd.rows, weight)
                if not counts_terminating:
                    _fill(tally.vector, crowd.leaving, -weight)
        self._tallies[key] = tally
        self._shrink()
        return tally.vector

    def forget_tallies(self) -> None:
        """Drop all of them, for when what weights depend on has changed (labels of a namespace)."""
        while self._tallies:
            self._tallies.popitem()[1].dropped = True

    def _appear(self, shape: Shape) -> _Crowd:
        labels = shape.label_map()
        crowd = _Crowd(labels)
        for tally in self._tallies.values():
            weight = tally.weigh(shape, labels)
            if weight:
                crowd.tallies.append((tally, weight))
        self._crowds[shape] = crowd
        self._carry(shape, 1)
        return crowd

    def _carry(self, shape: Shape, sign: int) -> None:
        """Note that a shape with these terms has appeared or disappeared."""
        if shape.has_no_terms:
            return
        scored = [*shape.affinity, *(row.term for row in shape.preferred_affinity)]
        for table, terms in ((self.anti_terms, shape.anti_affinity), (self.score_terms, scored)):
            for term in terms:
                carriers = table.get(term, 0) + sign
                if carriers:
                    table[term] = carriers
                else:
                    del table[term]
                self.terms_version += carriers in (0, sign)

    def _shrink(self) -> None:
        most = max(16, _MAX_BYTES // max(1, 8 * self._capacity))
        while len(self._tallies) > most:
            self._tallies.popitem(last=False)[1].dropped = True


def _count(rows: dict[int, int], row: int, copies: int) -> None:
    total = rows.get(row, 0) + copies
    if total:
        rows[row] = total
    else:
        rows.pop(row, None)


def _fill(vector: Amount, rows: Mapping[int, int], weight: int) -> None:
    if rows:
        where = np.fromiter(rows.keys(), np.intp, len(rows))
        vector[where] += weight * np.fromiter(rows.values(), np.float64, len(rows))

"""Places pods of one shape together when their soft spreading is all that looks beyond the row. Pure.

Spreading makes a placed pod count for its host and for all nodes of its zone. But nodes of the same domains
with the same number of matching pods always get the same spreading score, so among them the order is that of
their own row. So rows are put in bins by (domains, matching pods on the host); each placement compares the
best of each bin, which are few, instead of all rows, and moves one row to another bin. The outcome is that of
going one by one, to the last digit: sums are made in the same order with the same rounding.
"""

import heapq
import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import MAX_SCORE, Profile, View
from control_plane.scheduler.levels import PART_BITS, Levels, depth_for, look_ahead
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.scores.pod_topology_spread import PodTopologySpreadScore, SoftSpread

_MAX_BINS = 64
_ONE_POINT = 1 << 2 * PART_BITS  # of score, in a key
WORTH_IT = 8  # with fewer pods, preparing costs more than it saves


@dataclass(slots=True)
class _Bin:
    """Rows of the same domains with the same number of matching pods. `best`: (-key, column) of rows that may
    be taken; `size` counts the others too."""

    domains: tuple[int, ...]
    host_pods: int
    labelled: bool
    size: int = 0
    best: list[tuple[int, int]] = field(default_factory=list)


class _Spreading:
    """The counts of the constraints while pods are placed, and the score of each bin."""

    def __init__(self, spread: SoftSpread, bins: dict[tuple[int, ...], _Bin], weight: int) -> None:
        self._spread, self._bins, self._weight = spread, bins, weight
        self.totals = [None if part.totals is None else part.totals.tolist() for part in spread.parts]

    def place(self, bin_: _Bin) -> None:
        """Count a pod placed on a row of the bin."""
        if not bin_.labelled:
            return
        for part, totals, domain in zip(self._spread.parts, self.totals, bin_.domains, strict=True):
            if totals is not None and domain >= 0:
                totals[domain] += part.per_pod

    def points(self) -> list[tuple[_Bin, int]]:
        """The weighted score of each bin that has rows, as PodTopologySpreadScore gives it."""
        bins = [bin_ for bin_ in self._bins.values() if bin_.size]
        labelled = [bin_ for bin_ in bins if bin_.labelled]
        weights = self._weights(labelled)
        raw = {id(bin_): self._raw(bin_, weights) for bin_ in labelled}
        if not raw:
            return [(bin_, 0) for bin_ in bins]
        most, fewest = max(raw.values()), min(raw.values())
        found = []
        for bin_ in bins:
            points = 0.0
            if bin_.labelled:
                points = float(MAX_SCORE)
                if most:
                    points = math.floor(MAX_SCORE * (most + fewest - raw[id(bin_)]) / most)
            found.append((bin_, self._weight * int(points)))
        return found

    def _weights(self, labelled: list[_Bin]) -> list[float]:
        weights = []
        for index, part in enumerate(self._spread.parts):
            if part.totals is None:
                domains = sum(bin_.size for bin_ in labelled)
            else:
                domains = len({bin_.domains[index] for bin_ in labelled} - {-1})
            weights.append(math.log(domains + 2))
        return weights

    def _raw(self, bin_: _Bin, weights: list[float]) -> int:
        total = 0.0
        for part, totals, domain, weight in zip(
            self._spread.parts, self.totals, bin_.domains, weights, strict=True
        ):
            if domain >= 0:
                count = bin_.host_pods if totals is None else totals[domain]
                total += count * weight + part.base
        return math.floor(total + 0.5)


def pour_spread(view: View, profile: Profile, mask: Mask, pods: int, rotation: int) -> Rows | None:
    """The rows of the first of `pods` copies, in order, at least one; None: too many bins to gain
    anything."""
    score, weight = next(row for row in profile.scores if isinstance(row[0], PodTopologySpreadScore))
    assert isinstance(score, PodTopologySpreadScore)
    spread = score.soft_spread(view, mask)
    rows = np.flatnonzero(mask)
    codes, kinds = _classes(spread, rows)
    if len(kinds) > _MAX_BINS:
        return None
    levels = look_ahead(view, profile, mask, depth_for(pods, len(rows)), rotation)
    bins = _bins(spread, levels, codes, kinds, pods)
    return rows[_take(_Spreading(spread, bins, weight), bins, levels, pods, spread.host_step)]


def _classes(spread: SoftSpread, rows: Rows) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """The class of each feasible row, and per class (labelled, host pods, domain of each constraint)."""
    columns = [spread.scored[rows].astype(np.int64), spread.host_pods[rows].astype(np.int64)]
    for part in spread.parts:
        host = part.totals is None
        columns.append((np.minimum(part.domain[rows], 0) if host else part.domain[rows]).astype(np.int64))
    code = np.zeros(len(rows), np.int64)
    for column in columns:
        code = code * (int(column.max()) + 2) + column + 1
    _, first, codes = np.unique(code, return_index=True, return_inverse=True)
    return codes, np.stack([column[first] for column in columns], axis=1)


def _bins(
    spread: SoftSpread,
    levels: Levels,
    codes: npt.NDArray[np.intp],
    kinds: npt.NDArray[np.int64],
    pods: int,
) -> dict[tuple[int, ...], _Bin]:
    bins: dict[tuple[int, ...], _Bin] = {}
    first = levels.keys[0]
    for code, kind in enumerate(kinds.tolist()):
        columns = np.flatnonzero(codes == code)
        bin_ = _Bin(tuple(kind[2:]), kind[1], bool(kind[0]), len(columns))
        if len(columns) > pods:  # no more than `pods` of them can be taken
            columns = columns[np.argpartition(-first[columns], pods)[:pods]]
        bin_.best = list(zip((-first[columns]).tolist(), columns.tolist(), strict=True))
        heapq.heapify(bin_.best)
        bins[tuple(kind)] = bin_
    return bins


def _take(
    spreading: _Spreading, bins: dict[tuple[int, ...], _Bin], levels: Levels, pods: int, host_step: int
) -> npt.NDArray[np.intp]:
    """Columns in the order in which they are taken, one by one, as far as the levels say."""
    taken: list[int] = []
    copies: dict[int, int] = {}
    while len(taken) < pods:
        best: tuple[int, _Bin] | None = None
        for bin_, points in spreading.points():
            if bin_.best:
                key = points * _ONE_POINT - bin_.best[0][0]
                if best is None or key > best[0]:
                    best = (key, bin_)
        if best is None:
            break
        bin_ = best[1]
        _, column = heapq.heappop(bin_.best)
        bin_.size -= 1
        spreading.place(bin_)
        taken.append(column)
        level = copies[column] = copies.get(column, 0) + 1
        if level == levels.depth:
            break
        key = int(levels.keys[level, column])
        if key >= 0:
            _move(bins, bin_, host_step, (-key, column))
        elif levels.sensitive[column]:
            break
        if len(bins) > _MAX_BINS:
            break
    return np.array(taken, np.intp)


def _move(bins: dict[tuple[int, ...], _Bin], source: _Bin, host_step: int, entry: tuple[int, int]) -> None:
    """Put a row that has got a pod into the bin where it belongs now."""
    host_pods = source.host_pods + (host_step if source.labelled else 0)
    kind = (int(source.labelled), host_pods, *source.domains)
    target = bins.get(kind)
    if target is None:
        target = bins[kind] = _Bin(source.domains, host_pods, source.labelled)
    target.size += 1
    heapq.heappush(target.best, entry)

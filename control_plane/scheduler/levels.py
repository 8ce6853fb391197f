"""What the n-th copy of a pod is worth on each row, for many rows and several n at once. Pure.

For filters and scores that look at one row (Scope.ROW) or at nothing that the copies change. Both ways of
placing a group (groups.py, spread_groups.py) start from it.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import Profile, RowFilter, RowScore, Scope, View
from control_plane.scheduler.nodes import PODS_ROW, Amount, Mask, Rows

Keys = npt.NDArray[np.int64]
MAX_DEPTH = 64
_MAX_CELLS = 100_000
PART_BITS = 20  # of a key, for the number of pods and for the place in the rotation


@dataclass(frozen=True, slots=True)
class Levels:
    """`keys` [copies, column]: orders (row, copy) as choose() does: score, then fewest pods, then rotation;
    -1 where that copy no longer fits. `sensitive`: when this column's row fills up, the normalisation of a
    fixed score may change."""

    rows: Rows
    keys: Keys
    sensitive: Mask

    @property
    def depth(self) -> int:
        return len(self.keys)


def depth_for(pods: int, rows: int) -> int:
    """How many copies per row to look ahead when `pods` are placed on `rows`."""
    return min(MAX_DEPTH, 2 + 2 * pods // rows, 1 + max(1, _MAX_CELLS // rows))


def look_ahead(view: View, profile: Profile, mask: Mask, depth: int, rotation: int) -> Levels:
    """The levels of all feasible rows; scores of Scope.CLUSTER are left out."""
    rows = np.flatnonzero(mask)
    copies = np.arange(depth, dtype=np.float64)[:, np.newaxis]
    total = np.zeros((depth, len(rows)))
    sensitive = np.zeros(len(rows), np.bool_)
    for score, weight in profile.scores:
        scope = score.scope(view)
        if scope is Scope.ROW:
            vector = cast(RowScore, score).ahead(view, rows, copies)
            if vector is not None:
                total += vector if weight == 1 else weight * vector
        elif scope is not Scope.CLUSTER:
            fixed = score.score(view, mask)
            if isinstance(fixed, float):
                total += weight * fixed
            elif fixed is not None:
                total += weight * fixed[rows]
                sensitive |= _extreme(fixed[rows])
    keys = _keys(view, rows, copies, total, rotation)
    keys[~_fits(view, profile, rows, copies)] = -1
    return Levels(rows, keys, sensitive)


def _extreme(vector: Amount) -> Mask:
    """Where the lowest and highest are, that a normalisation hangs on; nowhere when all are equal."""
    lowest, highest = vector.min(), vector.max()
    if lowest == highest:
        return np.zeros(len(vector), np.bool_)
    extreme: Mask = (vector == lowest) | (vector == highest)
    return extreme


def _fits(view: View, profile: Profile, rows: Rows, copies: Amount) -> Mask:
    fits = np.ones((len(copies), len(rows)), np.bool_)
    for filter_ in profile.filters:
        if filter_.scope(view) is Scope.ROW:
            own = cast(RowFilter, filter_).ahead(view, rows, copies)
            if own is not None:
                fits &= own
    return fits


def _keys(view: View, rows: Rows, copies: Amount, total: Amount, rotation: int) -> Keys:
    most = (1 << PART_BITS) - 1
    pods = most - (view.nodes.requested[PODS_ROW, rows] + copies).astype(np.int64)
    place = most - (rows - rotation) % view.size
    keys: Keys = (((total.astype(np.int64) << PART_BITS) + pods) << PART_BITS) + place
    return keys

"""Places pods of one shape together, with the outcome of placing them one by one. Pure.

Where every filter and score depends on the row alone, placing a pod changes one row. Then the score of the
n-th copy on a row can be computed for all rows and several n at once. Going one by one takes, each time, the
best next copy of any row; because a row's copies are taken in their order, that equals taking all copies in
the order of their running minimum down the row. So a group is one sort instead of a decision per pod.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import Profile, RowFilter, RowScore, Scope, View
from control_plane.scheduler.nodes import PODS_ROW, Amount, Mask, Rows

Keys = npt.NDArray[np.int64]
_MAX_DEPTH = 64
_MAX_CELLS = 100_000
_PART_BITS = 20  # of a key, for the number of pods and for the place in the rotation


def is_local(view: View, profile: Profile) -> bool:
    """Whether placing pods of this shape changes nothing but their own row."""
    scopes = [filter_.scope(view.shape) for filter_ in profile.filters]
    scopes += [score.scope(view.shape) for score, _ in profile.scores]
    return Scope.CLUSTER not in scopes


def pour(view: View, profile: Profile, mask: Mask, pods: int, rotation: int) -> Rows:
    """The rows of the first of `pods` copies, in order: at least one, as many as are certain.

    After them the caller looks again. `mask`: feasible rows, at least one."""
    rows = np.flatnonzero(mask)
    depth = min(_MAX_DEPTH, 2 + 2 * pods // len(rows), 1 + max(1, _MAX_CELLS // len(rows)))
    copies = np.arange(depth, dtype=np.float64)[:, np.newaxis]
    fits = _fits(view, profile, rows, copies)
    fixed = _fixed_scores(view, profile, mask)
    keys = _keys(view, rows, copies, _totals(view, profile, rows, copies, fixed.total), rotation)
    keys[~fits] = -1
    order = _first(np.minimum.accumulate(keys, axis=0), pods)
    level, column = np.divmod(order, len(rows))
    ends = level == depth - 1  # what would come next on this row was not computed
    last = np.append(
        ~fits[1:], np.ones((1, len(rows)), np.bool_), axis=0
    )  # [level, column]: its row is full then
    ends |= last[level, column] & fixed.sensitive[column]
    first_end = np.flatnonzero(ends)
    certain = len(order) if len(first_end) == 0 else int(first_end[0]) + 1
    return rows[column[:certain]]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Scores that depend on nodes alone, by feasible row. `sensitive`: when this row fills up, their
    normalisation may change."""

    total: Amount
    sensitive: Mask


def _fits(view: View, profile: Profile, rows: Rows, copies: Amount) -> Mask:
    fits = np.ones((len(copies), len(rows)), np.bool_)
    for filter_ in profile.filters:
        if filter_.scope(view.shape) is Scope.ROW:
            own = cast(RowFilter, filter_).ahead(view, rows, copies)
            if own is not None:
                fits &= own
    return fits


def _fixed_scores(view: View, profile: Profile, mask: Mask) -> _Fixed:
    rows = np.flatnonzero(mask)
    total, sensitive = np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
    for score, weight in profile.scores:
        if score.scope(view.shape) is Scope.ROW:
            continue
        vector = score.score(view, mask)
        if vector is None:
            continue
        if isinstance(vector, float):
            total += weight * vector
            continue
        vector = vector[rows]
        total += weight * vector
        lowest, highest = vector.min(), vector.max()
        if lowest != highest:
            sensitive |= (vector == lowest) | (vector == highest)
    return _Fixed(total, sensitive)


def _totals(view: View, profile: Profile, rows: Rows, copies: Amount, fixed: Amount) -> Amount:
    total = np.repeat(fixed[np.newaxis, :], len(copies), axis=0)
    for score, weight in profile.scores:
        if score.scope(view.shape) is Scope.ROW:
            vector = cast(RowScore, score).ahead(view, rows, copies)
            if vector is not None:
                total += vector if weight == 1 else weight * vector
    return total


def _keys(view: View, rows: Rows, copies: Amount, total: Amount, rotation: int) -> Keys:
    """One whole number that orders (row, copy) as choose() does: score, then fewest pods, then rotation."""
    most = (1 << _PART_BITS) - 1
    pods = most - (view.nodes.requested[PODS_ROW, rows] + copies).astype(np.int64)
    place = most - (rows - rotation) % view.size
    keys: Keys = (((total.astype(np.int64) << _PART_BITS) + pods) << _PART_BITS) + place
    return keys


def _first(keys: Keys, pods: int) -> npt.NDArray[np.intp]:
    """Indexes of the `pods` highest keys of a [level, column] table, highest first, those below 0 left out;
    equal ones (of the same column) by level."""
    flat = keys.ravel()
    if len(flat) > pods:
        threshold = max(0, int(np.partition(flat, -pods)[-pods]))
        candidates = np.flatnonzero(flat >= threshold)
    else:
        candidates = np.flatnonzero(flat >= 0)
    order = np.argsort(-flat[candidates], kind="stable")
    return candidates[order][:pods]

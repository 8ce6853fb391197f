"""Places pods of one shape together, with the outcome of placing them one by one. Pure.

Where every filter and score depends on the row alone, placing a pod changes one row. Then the score of the
n-th copy on a row can be computed for all rows and several n at once. Going one by one takes, each time, the
best next copy of any row; because a row's copies are taken in their order, that equals taking all copies in
the order of their running minimum down the row. So a group is one sort instead of a decision per pod.
"""

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import Profile, View
from control_plane.scheduler.levels import Keys, depth_for, look_ahead
from control_plane.scheduler.nodes import Mask, Rows


def pour(view: View, profile: Profile, mask: Mask, pods: int, rotation: int) -> Rows:
    """The rows of the first of `pods` copies, in order: at least one, as many as are certain.

    After them the caller looks again. `mask`: feasible rows, at least one."""
    levels = look_ahead(view, profile, mask, depth_for(pods, int(np.count_nonzero(mask))), rotation)
    keys, rows = levels.keys, levels.rows
    order = _first(np.minimum.accumulate(keys, axis=0), pods)
    level, column = np.divmod(order, len(rows))
    ends = level == levels.depth - 1  # what would come next on this row was not computed
    full = np.append(keys[1:] < 0, np.ones((1, len(rows)), np.bool_), axis=0)  # after that copy
    ends |= full[level, column] & levels.sensitive[column]
    first_end = np.flatnonzero(ends)
    certain = len(order) if len(first_end) == 0 else int(first_end[0]) + 1
    return rows[column[:certain]]


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

"""The nodes that come nearest to taking a pod. Pure."""

from dataclasses import dataclass

import numpy as np

from control_plane.scheduler.evaluate import looked_at
from control_plane.scheduler.framework import Profile, View
from control_plane.scheduler.nodes import PODS_ROW, Amount, Rows
from control_plane.scheduler.why.lacks import lacks

_LOOKED_AT = 64  # rows whose lacks are put in words, so that a large cluster is answered as soon
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Near:
    """Nodes that lack the same."""

    nodes: tuple[str, ...]
    lacks: tuple[str, ...]


def nearest(view: View, profile: Profile) -> tuple[Near, ...]:
    """The nodes that lack least, nearest first, those that lack the same together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in order(view, profile)[:_LOOKED_AT].tolist():
        groups.setdefault(lacks(view, profile, row), []).append(view.nodes.names[row])
    return tuple(Near(tuple(nodes), why) for why, nodes in list(groups.items())[:_SHOWN])


def order(view: View, profile: Profile) -> Rows:
    """All rows that are looked at, by how many filters refuse them, then by how much is short of what."""
    rows = looked_at(view)
    refusing = np.zeros(view.size)
    for filter_ in profile.filters:
        mask = filter_.mask(view)
        if mask is not None:
            refusing += ~mask
    return rows[np.lexsort((rows, _shortage(view)[rows], refusing[rows]))]


def _shortage(view: View) -> Amount:
    """The share of each request that is not free, summed."""
    nodes, size = view.nodes, view.size
    total: Amount = (nodes.free[PODS_ROW, :size] < 1).astype(np.float64)
    for name, wanted in view.shape.requests:
        total += np.clip(wanted - nodes.free_of(name)[:size], 0, wanted) / wanted
    return total

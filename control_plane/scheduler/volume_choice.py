"""Which rows reach the volumes that a pod needs, and which volumes it gets on one of them. Pure."""

from collections.abc import Iterable, Sequence

import numpy as np

from control_plane.scheduler.node_matching import match_any_term
from control_plane.scheduler.nodes import Mask, NodeTable
from control_plane.scheduler.storage import Asked, Name, Volume


def reached(nodes: NodeTable, size: int, volume: Volume) -> Mask:
    """The rows that reach the volume."""
    if volume.terms is None:
        return np.ones(size, np.bool_)
    return match_any_term(nodes, size, volume.terms)


def reaches_bound(nodes: NodeTable, size: int, asked: Asked) -> Mask:
    """The rows that reach all volumes that the claims are bound to."""
    mask = np.ones(size, np.bool_)
    for volume in asked.bound:
        mask &= reached(nodes, size, volume)
    return mask


def has_free(nodes: NodeTable, size: int, asked: Asked) -> Mask:
    """The rows with a volume of its own for each claim that waits."""
    mask = np.ones(size, np.bool_)
    for _, volumes in asked.open:
        any_of_them = np.zeros(size, np.bool_)
        for volume in _one_of_a_kind(volumes):
            any_of_them |= reached(nodes, size, volume)
        mask &= any_of_them
    if len(asked.open) > 1:
        for row in np.flatnonzero(mask).tolist():
            mask[row] = choose(nodes, size, asked, row) is not None
    return mask


def choose(nodes: NodeTable, size: int, asked: Asked, row: int) -> Sequence[tuple[Name, str]] | None:
    """A volume for each claim that waits, on one row: the smallest for each in turn; None when they do not
    suffice."""
    chosen: list[tuple[Name, str]] = []
    taken: set[str] = set()
    for claim, volumes in asked.open:
        here = {id(each.terms) for each in _one_of_a_kind(volumes) if reached(nodes, size, each)[row]}
        found = next((v.name for v in volumes if v.name not in taken and id(v.terms) in here), None)
        if found is None:
            return None
        taken.add(found)
        chosen.append((claim, found))
    return chosen


def _one_of_a_kind(volumes: Sequence[Volume]) -> Iterable[Volume]:
    """One of those that the same nodes reach, for each such set."""
    return {id(each.terms): each for each in volumes}.values()

"""Sums over topology domains: nodes that share one value of a label. Pure."""

from collections.abc import Iterable

import numpy as np

from control_plane.scheduler.nodes import Amount, Ids, Mask, NodeTable

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def domain_of(nodes: NodeTable, size: int, key: str) -> Ids | None:
    """The domain of each row by the label `key`, ABSENT without; None: no node has the label."""
    label = nodes.labels.get(key)
    return None if label is None else label.column[:size]


def domain_totals(domain: Ids, vector: Amount, counted: Mask | None) -> Amount:
    """The sum of `vector` over the rows of each domain that are counted (None: all); one more 0 at the end,
    so that the result can be looked up by domain, ABSENT too."""
    weights = vector[: len(domain)] if counted is None else vector[: len(domain)] * counted
    sums = np.bincount(domain + 1, weights=weights)
    totals: Amount = np.zeros(len(sums))
    totals[:-1] = sums[1:]
    return totals


def per_row(domain: Ids, totals: Amount) -> Amount:
    """The total of each row's own domain; 0 for rows without."""
    found: Amount = totals[domain]
    return found


def has_all(nodes: NodeTable, size: int, keys: Iterable[str]) -> Mask:
    """Rows that have all these labels."""
    mask = np.ones(size, np.bool_)
    for key in keys:
        domain = domain_of(nodes, size, key)
        if domain is None:
            return np.zeros(size, np.bool_)
        mask &= domain >= 0
    return mask

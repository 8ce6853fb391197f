"""Which nodes match requirements and terms, as masks over all rows. Pure.

A requirement is judged once per different value of its label, then looked up by row.
"""

from collections.abc import Sequence

import numpy as np

from control_plane.scheduler.nodes import Mask, NodeTable
from control_plane.scheduler.selectors import Requirement
from control_plane.scheduler.shape import NodeTerm, Shape

NAME_FIELD = "metadata.name"


def match_requirement(nodes: NodeTable, size: int, requirement: Requirement) -> Mask:
    """Rows whose labels satisfy the requirement (rows without a node: as a node without labels)."""
    label = nodes.labels.get(requirement.key)
    if label is None:
        return np.full(size, requirement.matches(None), np.bool_)
    column = label.column[:size]
    if requirement.operator in ("In", "NotIn"):
        wanted = [label.ids[value] for value in requirement.values if value in label.ids]
        inside: Mask = column == wanted[0] if len(wanted) == 1 else np.isin(column, wanted)
        return inside if requirement.operator == "In" else ~inside
    if requirement.operator in ("Exists", "DoesNotExist"):
        exists: Mask = column >= 0
        return exists if requirement.operator == "Exists" else ~exists
    verdicts = np.array([requirement.matches(value) for value in label.values] + [False], np.bool_)
    mask: Mask = verdicts[column]  # ABSENT is the last
    return mask


def match_field(nodes: NodeTable, size: int, requirement: Requirement) -> Mask:
    """Rows whose field satisfies the requirement; metadata.name is the only field there is."""
    mask = np.zeros(size, np.bool_)
    if requirement.key != NAME_FIELD:
        return mask
    for value in requirement.values:
        row = nodes.rows.get(value)
        if row is not None:
            mask[row] = True
    return ~mask if requirement.operator == "NotIn" else mask


def match_term(nodes: NodeTable, size: int, term: NodeTerm) -> Mask:
    """Rows that satisfy all requirements of a term; a term without any matches none."""
    if not term.expressions and not term.fields:
        return np.zeros(size, np.bool_)
    mask = np.ones(size, np.bool_)
    for requirement in term.expressions:
        mask &= match_requirement(nodes, size, requirement)
    for requirement in term.fields:
        mask &= match_field(nodes, size, requirement)
    return mask


def match_required(nodes: NodeTable, size: int, shape: Shape) -> Mask | None:
    """Rows that satisfy nodeSelector and required node affinity; None: the pod has neither."""
    if not shape.wishes.node_selector and shape.wishes.node_terms is None:
        return None
    mask = np.ones(size, np.bool_)
    for requirement in shape.wishes.node_selector:
        mask &= match_requirement(nodes, size, requirement)
    if shape.wishes.node_terms is not None:
        mask &= match_any_term(nodes, size, shape.wishes.node_terms)
    return mask


def match_any_term(nodes: NodeTable, size: int, terms: Sequence[NodeTerm]) -> Mask:
    """Rows that satisfy one of the terms; none without any."""
    mask = np.zeros(size, np.bool_)
    for term in terms:
        mask |= match_term(nodes, size, term)
    return mask


def named_nodes(shape: Shape) -> frozenset[str] | None:
    """The nodes that required affinity names by metadata.name, when every term does; else None.

    Kubernetes then looks at, and counts in its message, these nodes alone."""
    if not shape.wishes.node_terms:
        return None
    named: set[str] = set()
    for term in shape.wishes.node_terms:
        allowed: set[str] | None = None
        for field in term.fields:
            if field.key == NAME_FIELD and field.operator == "In":
                allowed = set(field.values) if allowed is None else allowed & set(field.values)
        if allowed is None:
            return None
        named |= allowed
    return frozenset(named)

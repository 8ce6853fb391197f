"""One short sentence for a pod's condition: what stands in the way for good. Pure.

It looks at nodes and at the pod alone, never at what other pods take. So it says the same for as long as
nodes and pod are the same, and a condition that holds it is not written again and again. What would help,
with all that has been tried, is told on request (advice.py).
"""

from collections.abc import Iterator

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.evaluate import look, node_mask
from control_plane.scheduler.framework import Profile, Scope, View
from control_plane.scheduler.node_matching import match_requirement, match_term
from control_plane.scheduler.nodes import Mask
from control_plane.scheduler.tolerations import REPELLING, tolerated
from control_plane.scheduler.why.words import amount_text, and_more, node_term_text, taint_text

_INSUFFICIENT = "Insufficient "


def hint(cluster: Cluster, refusal: Unschedulable, profile: Profile) -> str:
    """The sentence; "" where nothing stands in the way for good, or there are no nodes."""
    if refusal.nodes == 0:
        return ""
    view = look(cluster, refusal.pod.shape)
    found = next(_size(view, refusal), "") or next(_labels(view), "")
    large = _large(view, refusal)
    return found or _kept_off(view, profile, large) or _room(view, refusal, profile, large)


def _large(view: View, refusal: Unschedulable) -> Mask:
    """Rows that have what the pod requests, were they empty."""
    nodes, size = view.nodes, view.size
    mask: Mask = nodes.alive[:size].copy()
    for name, wanted in view.shape.requests:
        index = nodes.resources.get(name)
        if index is not None and _INSUFFICIENT + name in refusal.counts:
            mask &= nodes.allocatable[index, :size] >= wanted
    return mask


def _size(view: View, refusal: Unschedulable) -> Iterator[str]:
    """More is asked for than any node has."""
    nodes = view.nodes
    for name, wanted in view.shape.requests:
        if _INSUFFICIENT + name not in refusal.counts:
            continue
        index = nodes.resources.get(name)
        most = 0.0 if index is None else float(nodes.allocatable[index, : view.size].max(initial=0.0))
        if most == 0:
            yield f"No node has any {name}."
        elif most < wanted:
            asked, has = amount_text(name, wanted), amount_text(name, most)
            yield f"The pod requests {asked} {name}, and no node has more than {has} in all."


def _labels(view: View) -> Iterator[str]:
    """A label is asked for that no node has."""
    wishes, alive = view.shape.wishes, view.nodes.alive[: view.size]
    for requirement in wishes.node_selector:
        if not (match_requirement(view.nodes, view.size, requirement) & alive).any():
            yield f"No node has the label {requirement}."
    terms = wishes.node_terms
    if terms is not None and not any(
        (match_term(view.nodes, view.size, term) & alive).any() for term in terms
    ):
        said = " or ".join(map(node_term_text, terms)) or "nothing (no term)"
        yield f"No node matches the required node affinity: {said}."


def _kept_off(view: View, profile: Profile, large: Mask) -> str:
    """The nodes that would do are cordoned, or have taints."""
    if (node_mask(view, profile) & large).any():
        return ""
    rows = np.flatnonzero(_would_do(view, profile) & large)
    if not len(rows):
        return ""
    cordoned = rows[view.nodes.unschedulable[rows]]
    if len(cordoned):
        return f"Cordoned, though it could do: {and_more([view.nodes.names[row] for row in cordoned])}."
    taints = dict.fromkeys(
        taint_text(taint)
        for taints in dict.fromkeys(view.nodes.taint_sets[view.nodes.taint_set[row]] for row in rows)
        for taint in taints
        if taint.effect in REPELLING and not tolerated(taint, view.shape.wishes.tolerations)
    )
    if not taints:
        return ""
    return f"Nodes that could do have taints it does not tolerate: {and_more(list(taints))}."


def _would_do(view: View, profile: Profile) -> Mask:
    """Rows that only cordon or taints keep off."""
    mask: Mask = view.nodes.alive[: view.size].copy()
    for filter_ in profile.filters:
        if filter_.scope(view) is Scope.NODES and filter_.name not in (
            "NodeUnschedulable",
            "TaintToleration",
        ):
            own = filter_.mask(view)
            if own is not None:
                mask &= own
    return mask


def _room(view: View, refusal: Unschedulable, profile: Profile, large: Mask) -> str:
    """Nodes that are large enough and may take it, were it not for the pods that are there."""
    mask = node_mask(view, profile) & large
    many = int(np.count_nonzero(mask))
    if not many:
        return ""
    are = "node could take it if it had" if many == 1 else "nodes could take it if they had"
    return f"{many} {are} room." if _is_full(refusal) else ""


def _is_full(refusal: Unschedulable) -> bool:
    return any(reason.startswith((_INSUFFICIENT, "Too many pods")) for reason in refusal.counts)

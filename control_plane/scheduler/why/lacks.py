"""What one node lacks for a pod, filter by filter, in plain words. Pure.

Unlike the message of a decision, which counts each node for the first filter that refuses it, this names
everything that stands in the way.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

from control_plane.scheduler.affinity import means as term_means
from control_plane.scheduler.affinity import means_shape, pods_meant
from control_plane.scheduler.filters.node_unschedulable import CORDON
from control_plane.scheduler.filters.pod_topology_spread import PodTopologySpread, skew_of
from control_plane.scheduler.framework import Filter, Profile, View
from control_plane.scheduler.node_matching import match_requirement, match_term
from control_plane.scheduler.nodes import PODS_ROW
from control_plane.scheduler.shape import PodTerm, Shape
from control_plane.scheduler.tolerations import REPELLING, tolerated
from control_plane.scheduler.topology import domain_of, domain_totals
from control_plane.scheduler.volume_choice import has_free, reached
from control_plane.scheduler.why.words import (
    amount_text,
    node_term_text,
    pods_text,
    port_text,
    shortage_text,
    taint_text,
)


def lacks(view: View, profile: Profile, row: int) -> tuple[str, ...]:
    """Everything that keeps the pod off the node in `row`; () if it may run there."""
    found: list[str] = []
    for filter_ in profile.filters:
        mask = filter_.mask(view)
        if mask is not None and not mask[row]:
            say = _SAY.get(filter_.name)
            found += say(filter_, view, row) if say else [f"is refused by {filter_.name}"]
    return tuple(found)


def _unschedulable(filter_: Filter, view: View, row: int) -> Iterator[str]:
    yield "is cordoned"


def _name(filter_: Filter, view: View, row: int) -> Iterator[str]:
    yield f"is not {view.shape.wishes.node_name}, which the pod names"


def _taints(filter_: Filter, view: View, row: int) -> Iterator[str]:
    cordoned = view.nodes.unschedulable[row]
    for taint in view.nodes.taint_sets[view.nodes.taint_set[row]]:
        if taint.key == CORDON.key and cordoned:
            continue  # it is what a cordon looks like
        if taint.effect in REPELLING and not tolerated(taint, view.shape.wishes.tolerations):
            yield f"has the taint {taint_text(taint)}, which the pod does not tolerate"


def _node_affinity(filter_: Filter, view: View, row: int) -> Iterator[str]:
    nodes, size, wishes = view.nodes, view.size, view.shape.wishes
    for requirement in wishes.node_selector:
        if not match_requirement(nodes, size, requirement)[row]:
            label = nodes.labels.get(requirement.key)
            value = label.column[row] if label else -1
            is_ = f"has {requirement.key}={label.values[value]}" if label and value >= 0 else "lacks it"
            yield f"the pod wants the label {requirement}; the node {is_}"
    terms = wishes.node_terms
    if terms is not None and not any(match_term(nodes, size, term)[row] for term in terms):
        said = " or ".join(node_term_text(term) for term in terms) or "nothing (no term)"
        yield f"does not match the required node affinity: {said}"


def _ports(filter_: Filter, view: View, row: int) -> Iterator[str]:
    for port in view.shape.ports:
        taken = view.cluster.ports.taken(port, view.size)
        if taken is None or not taken[row]:
            continue
        there = view.cluster.on_node.get(view.nodes.names[row], {}).values()
        holder = next(
            (other.key for other in there if any(p.port == port.port for p in other.shape.ports)), "a pod"
        )
        yield f"host port {port_text(port)} is taken by {holder}"


def _resources(filter_: Filter, view: View, row: int) -> Iterator[str]:
    nodes = view.nodes
    if nodes.free[PODS_ROW, row] < 1:
        yield f"runs as many pods as it may ({int(nodes.allocatable[PODS_ROW, row])})"
    for name, wanted in view.shape.requests:
        free = float(nodes.free_of(name)[row])
        if free >= wanted:
            continue
        index = nodes.resources.get(name)
        total = 0.0 if index is None else float(nodes.allocatable[index, row])
        if total == 0:
            yield f"has no {name} at all (the pod requests {amount_text(name, wanted)})"
        elif total < wanted:
            most = amount_text(name, total)
            yield f"has {most} {name} in all, less than the pod's {amount_text(name, wanted)}"
        else:
            short, left = shortage_text(name, wanted - free), amount_text(name, max(0.0, free))
            ending = _ending(view, name, row)
            soon = (
                f", and {amount_text(name, ending)} more when the pods that end have gone" if ending else ""
            )
            yield f"is {short} {name} short: {left} of {amount_text(name, total)} is free{soon}"


def _ending(view: View, resource: str, row: int) -> int:
    """What pods that were told to stop still have."""
    there = view.cluster.on_node.get(view.nodes.names[row], {}).values()
    return sum(dict(pod.shape.requests).get(resource, 0) for pod in there if pod.terminating)


def _spread(filter_: Filter, view: View, row: int) -> Iterator[str]:
    assert isinstance(filter_, PodTopologySpread)
    constraints = filter_.hard(view)
    for constraint in constraints:
        key, skew = constraint.topology_key, skew_of(view, constraints, constraint)
        if skew is None or skew.domain[row] < 0:
            yield f"has no label {key}, over which the pod must spread"
            continue
        over = float(skew.over()[row])
        if over > constraint.max_skew:
            here = int(skew.totals[skew.domain[row]])
            if skew.domains < constraint.min_domains:
                known = f"fewer domains ({skew.domains}) than minDomains ({constraint.min_domains})"
                fewest = f"the fewest count as 0, for there are {known}"
            else:
                fewest = f"the fewest elsewhere are {int(skew.fewest)}" if skew.fewest else "another has 0"
            yield (
                f"{_place(view, key, row)} has {here} matching pod{'' if here == 1 else 's'} and {fewest}; "
                f"one more would break maxSkew {constraint.max_skew}"
            )


def _inter_pod(filter_: Filter, view: View, row: int) -> Iterator[str]:
    shape = view.shape
    for term in shape.affinity:
        domain = domain_of(view.nodes, view.size, term.topology_key)
        if domain is None or domain[row] < 0:
            yield f"has no label {term.topology_key}, which the pod affinity needs"
        elif domain_totals(domain, pods_meant(view, shape.affinity), None)[domain[row]] == 0:
            yield f"no pod that matches {pods_text(term)} runs in {_place(view, term.topology_key, row)}"
    for term in shape.anti_affinity:
        other = _neighbour(view, term, row, partial(_meant, view, term))
        if other:
            where = _place(view, term.topology_key, row)
            yield f"{other}, which the pod must not run beside, runs in {where}"
    for term in view.cluster.population.anti_terms:
        if means_shape(view.cluster, term, shape):
            other = _neighbour(view, term, row, partial(_carries, term))
            if other:
                yield f"{other} keeps pods like this one out of {_place(view, term.topology_key, row)}"


def _meant(view: View, term: PodTerm, theirs: Shape) -> bool:
    return term_means(view.cluster, term, theirs.namespace, dict(theirs.labels))


def _carries(term: PodTerm, theirs: Shape) -> bool:
    return term in theirs.anti_affinity


def _neighbour(view: View, term: PodTerm, row: int, chosen: Callable[[Shape], bool]) -> str:
    """A pod in the row's domain whose shape is chosen; "" when there is none."""
    domain = domain_of(view.nodes, view.size, term.topology_key)
    if domain is None or domain[row] < 0:
        return ""
    population = view.cluster.population
    for shape in population.shapes():
        if not chosen(shape):
            continue
        rows = np.fromiter(population.rows(shape).keys(), np.intp)
        near = rows[domain[rows] == domain[row]]
        if len(near):
            there = view.cluster.on_node[view.nodes.names[int(near[0])]].values()
            return next(other.key for other in there if other.shape is shape)
    return ""


def _place(view: View, key: str, row: int) -> str:
    """The row's domain in words: "topology.kubernetes.io/zone a"."""
    label = view.nodes.labels[key]
    return f"{key} {label.values[label.column[row]]}"


def _volumes(filter_: Filter, view: View, row: int) -> Iterator[str]:
    asked = view.cluster.storage.asked(view.shape.namespace, view.shape.claims)
    if asked.problem:
        yield asked.problem
        return
    for volume in asked.bound:
        if not reached(view.nodes, view.size, volume)[row]:
            yield f"cannot reach the volume {volume.name}, to which the pod's claim is bound"
    if not has_free(view.nodes, view.size, asked)[row]:
        claims = " and ".join(name for (_, name), _ in asked.open)
        yield f"has no free volume for the claim {claims}"


_SAY: Final[Mapping[str, Callable[[Filter, View, int], Iterator[str]]]] = {
    "NodeUnschedulable": _unschedulable,
    "NodeName": _name,
    "TaintToleration": _taints,
    "NodeAffinity": _node_affinity,
    "NodePorts": _ports,
    "NodeResourcesFit": _resources,
    "VolumeBinding": _volumes,
    "PodTopologySpread": _spread,
    "InterPodAffinity": _inter_pod,
}

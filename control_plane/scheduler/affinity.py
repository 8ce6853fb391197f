"""What filter and score of InterPodAffinity share: which existing pods are meant by whose terms. Pure.

Source: kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node (inter-pod affinity and
anti-affinity).
"""

from collections.abc import Collection, Mapping, Sequence

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.framework import View
from control_plane.scheduler.nodes import Amount
from control_plane.scheduler.shape import PodTerm, Shape


def means(cluster: Cluster, term: PodTerm, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether the term means a pod of this namespace with these labels."""
    return (
        term.selector is not None and cluster.in_namespaces(term, namespace) and term.selector.matches(labels)
    )


def means_shape(cluster: Cluster, term: PodTerm, shape: Shape) -> bool:
    """Whether the term means pods of this shape."""
    return means(cluster, term, shape.namespace, dict(shape.labels))


def pods_meant(view: View, terms: Sequence[PodTerm]) -> Amount:
    """Pods of each row that all of the terms mean."""
    cluster, wanted = view.cluster, tuple(terms)
    return cluster.population.tally(
        ("meant", wanted),
        lambda shape, labels: int(all(means(cluster, term, shape.namespace, labels) for term in wanted)),
        counts_terminating=True,
    )


def repelling_keys(view: View) -> frozenset[str]:
    """Topology keys of required anti-affinity terms of existing pods that mean this pod."""
    terms = view.cluster.population.anti_terms
    return _keys_meaning(view, "repelling", terms)


def attracting_keys(view: View) -> frozenset[str]:
    """Topology keys of all terms that count for the score: the pod's own preferred ones, and those of
    existing pods that mean it."""
    own = frozenset(row.term.topology_key for row in view.shape.preferred_affinity)
    return own | _keys_meaning(view, "attracting", view.cluster.population.score_terms)


def pods_repelling(view: View, key: str) -> Amount:
    """Pods of each row with a required anti-affinity over topology `key` against this pod."""
    cluster, incoming = view.cluster, view.shape
    return cluster.population.tally(
        ("repelling", incoming, key),
        lambda shape, _: sum(
            term.topology_key == key and means_shape(cluster, term, incoming) for term in shape.anti_affinity
        ),
        counts_terminating=True,
    )


def attraction(view: View, key: str, hard_weight: int) -> Amount:
    """The summed weights of preferences over topology `key` between the pod and the pods of each row; an
    existing pod's required affinity to the pod is worth `hard_weight`."""
    cluster, incoming = view.cluster, view.shape

    def weigh(shape: Shape, labels: Mapping[str, str]) -> int:
        total = 0
        for row in incoming.preferred_affinity:
            if row.term.topology_key == key and means(cluster, row.term, shape.namespace, labels):
                total += row.weight
        for row in shape.preferred_affinity:
            if row.term.topology_key == key and means_shape(cluster, row.term, incoming):
                total += row.weight
        for term in shape.affinity:
            if term.topology_key == key and means_shape(cluster, term, incoming):
                total += hard_weight
        return total

    return cluster.population.tally(
        ("attraction", incoming, key, hard_weight), weigh, counts_terminating=True
    )


def _keys_meaning(view: View, name: str, terms: Collection[PodTerm]) -> frozenset[str]:
    """Topology keys of those of `terms` that mean the pod; found again only when terms or namespaces
    change."""
    if not terms:
        return frozenset()
    cluster = view.cluster
    version = (cluster.population.terms_version, cluster.namespace_version)
    known = cluster.memo.meant(view.shape)
    kept: tuple[tuple[int, int], frozenset[str]] | None = known.get(name)
    if kept is not None and kept[0] == version:
        return kept[1]
    found = frozenset(term.topology_key for term in terms if means_shape(cluster, term, view.shape))
    known[name] = (version, found)
    return found

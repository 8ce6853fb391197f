"""Which node reaches a volume, one at a time, for those who have objects and no node table. Pure.

Source: kubernetes.io/docs/concepts/storage/persistent-volumes (node affinity): one of the terms must hold, a
term without requirements never does.
"""

from collections.abc import Iterable, Mapping

from knarr.api.selectors import Operator, Requirement
from knarr.proto.kubernetes import core_v1_pb2 as core

_NAME_FIELD = "metadata.name"


def reaches(node: core.Node, volume: core.PersistentVolume) -> bool:
    """Whether pods of the node can use the volume."""
    affinity = volume.spec.nodeAffinity
    if not affinity.HasField("required"):
        return True
    return any(_holds(term, node) for term in affinity.required.nodeSelectorTerms)


def _holds(term: core.NodeSelectorTerm, node: core.Node) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    fields = {_NAME_FIELD: node.metadata.name}
    return _all(term.matchExpressions, node.metadata.labels) and _all(term.matchFields, fields)


def _all(rows: Iterable[core.NodeSelectorRequirement], labels: Mapping[str, str]) -> bool:
    return all(
        Requirement(row.key, Operator(row.operator), tuple(row.values)).matches(labels) for row in rows
    )

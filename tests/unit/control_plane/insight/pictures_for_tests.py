"""Pictures for tests, filled from messages, and what can be told of one."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from google.protobuf.message import Message

from control_plane.insight.picture import Picture
from control_plane.insight.replay.play import Given
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.profiles import Profiles


def picture_of(objects: Iterable[Message]) -> Picture:
    """A picture that has taken the objects in."""
    picture = Picture(Profiles())
    picture.take_in(list(map(Given, objects)))
    return picture


def state(cluster: Cluster) -> dict[str, Any]:
    """All that decisions depend on, by names and not by rows."""
    nodes = cluster.nodes
    rows = sorted(nodes.rows.items())
    resources = sorted(nodes.resources.items())
    tables = {
        name: {
            node: [float(getattr(nodes, name)[index, row]) for _, index in resources] for node, row in rows
        }
        for name in ("allocatable", "requested", "free")
    }
    return {
        **tables,
        "scored": {node: nodes.scored_free[:, row].tolist() for node, row in rows},
        "facts": {node: nodes.facts[row] for node, row in rows},
        "rows": dict(rows),
        "pods": {
            key: (pod.node, pod.shape, pod.terminating, pod.assumed) for key, pod in cluster.pods.items()
        },
        "on_node": {node: set(pods) for node, pods in cluster.on_node.items()},
        "population": {
            shape: {nodes.names[row]: many for row, many in cluster.population.rows(shape).items() if many}
            for shape in cluster.population.shapes()
            if any(cluster.population.rows(shape).values())
        },
        "anti_terms": dict(cluster.population.anti_terms),
        "namespaces": dict(cluster.namespaces),
        "alive": int(np.count_nonzero(nodes.alive)),
    }

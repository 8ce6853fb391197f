"""ImageLocality: the more of the pod's images, by size, a node has already, the better.

An image counts with its size times the share of nodes that have it, so that one node with a rare large image
does not draw all pods. Below 23 MB in all it is worth nothing, from 1000 MB per container everything.
"""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask

_MB = 1024 * 1024
_LEAST_BYTES = 23 * _MB
_MOST_BYTES = 1000 * _MB


class ImageLocality:
    name = "ImageLocality"

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | None:
        if not any(image in view.nodes.images for image in view.shape.wishes.images):
            return None
        return view.once(self.name, _worth)


def _worth(view: View) -> Amount:
    nodes = view.nodes
    total = np.zeros(view.size)
    for image in view.shape.wishes.images:
        sizes = nodes.images.get(image, {})
        for row, size in sizes.items():
            total[row] += int(size * (len(sizes) / nodes.count))
    most = _MOST_BYTES * max(1, view.shape.wishes.containers)
    np.clip(total, _LEAST_BYTES, most, out=total)
    worth: Amount = np.floor(MAX_SCORE * (total - _LEAST_BYTES) / (most - _LEAST_BYTES))
    return worth

"""VolumeBinding: the node must reach the volumes of the pod's claims, and have free ones for those that wait
for their pod.

Source: kubernetes.io/docs/concepts/storage/persistent-volumes (node affinity) and …/storage-classes
(WaitForFirstConsumer).
"""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.storage import Asked
from control_plane.scheduler.volume_choice import has_free, reaches_bound

CONFLICT = "node(s) had volume node affinity conflict"
NONE_FREE = "node(s) didn't find available persistent volumes to bind"


class VolumeBinding:
    """See the module's docstring."""

    name = "VolumeBinding"
    wakes = Cause.NODE_ADDED | Cause.NODE_LABELS | Cause.STORAGE

    def scope(self, view: View) -> Scope:
        """Placing a pod may bind the claims that its like have too."""
        return Scope.CLUSTER if view.shape.claims else Scope.NODES

    def refuses_everywhere(self, view: View) -> bool:
        return bool(asked_of(view).problem)

    def mask(self, view: View) -> Mask | None:
        if not view.shape.claims:
            return None
        asked = asked_of(view)
        if asked.problem:
            return view.nothing()
        return reaches_bound(view.nodes, view.size, asked) & has_free(view.nodes, view.size, asked)

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        """A volume that is out of reach is told before one that is not free."""
        asked = asked_of(view)
        if asked.problem:
            return (Refusal(asked.problem, rows, evictable=False),)
        reaches = reaches_bound(view.nodes, view.size, asked)
        refused = (
            Refusal(CONFLICT, rows[~reaches[rows]], evictable=False),
            Refusal(NONE_FREE, rows[reaches[rows]], evictable=False),
        )
        return tuple(refusal for refusal in refused if len(refusal.rows))


def asked_of(view: View) -> Asked:
    """What the pod's claims come to."""
    return view.keep(
        "claims", lambda view: view.cluster.storage.asked(view.shape.namespace, view.shape.claims)
    )

"""What the server writes into namespaces.

Source: Kubernetes' pkg/registry/core/namespace/strategy.go.
"""

from typing import Final

from control_plane.api.strategies.strategy import Strategy
from knarr.proto.kubernetes import core_v1_pb2 as core

FINALIZER: Final = "kubernetes"
LABEL: Final = "kubernetes.io/metadata.name"


def _begin(namespace: core.Namespace) -> None:
    """It is held by its finalizer until all that is in it is gone."""
    namespace.status.phase = "Active"
    if FINALIZER not in namespace.spec.finalizers:
        namespace.spec.finalizers.append(FINALIZER)
    namespace.metadata.labels[LABEL] = namespace.metadata.name


def _change(new: core.Namespace, old: core.Namespace) -> None:
    """Finalizers of a namespace that is not being deleted change through its subresource finalize alone."""
    if not old.metadata.HasField("deletionTimestamp"):
        del new.spec.finalizers[:]
        new.spec.finalizers.extend(old.spec.finalizers)
    new.metadata.labels[LABEL] = new.metadata.name


NAMESPACE: Final = Strategy(create=_begin, update=_change)

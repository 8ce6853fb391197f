"""What the server writes into namespaces, and into what limits them.

Source: Kubernetes' pkg/registry/core/namespace/strategy.go and pkg/registry/core/limitrange/strategy.go.
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


def _change(new: core.Namespace, old: core.Namespace) -> None:
    """Finalizers of a namespace that is not being deleted change through its subresource finalize alone."""
    if not old.metadata.HasField("deletionTimestamp"):
        del new.spec.finalizers[:]
        new.spec.finalizers.extend(old.spec.finalizers)


def _label(namespace: core.Namespace) -> None:
    namespace.metadata.labels[LABEL] = namespace.metadata.name


def _name(limits: core.LimitRange) -> None:
    """The only objects that may come without any name."""
    limits.metadata.name = limits.metadata.name or limits.metadata.uid


NAMESPACE: Final = Strategy(create=_begin, update=_change, canonicalize=_label)
LIMIT_RANGE: Final = Strategy(create=_name)

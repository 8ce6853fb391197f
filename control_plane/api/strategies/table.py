"""Which strategy belongs to which kind."""

from collections.abc import Mapping
from typing import Final

from control_plane.api.strategies import namespaces, pods, services, storage, workloads
from control_plane.api.strategies.strategy import Strategy
from knarr.api import kinds
from knarr.api.kinds import Kind

_NONE: Final = Strategy()
STRATEGIES: Final[Mapping[str, Strategy]] = {
    kinds.NAMESPACE.name: namespaces.NAMESPACE,
    kinds.POD.name: pods.POD,
    kinds.SERVICE.name: services.SERVICE,
    kinds.SERVICE_ACCOUNT.name: services.SERVICE_ACCOUNT,
    kinds.LIMIT_RANGE.name: namespaces.LIMIT_RANGE,
    kinds.PERSISTENT_VOLUME.name: storage.VOLUME,
    kinds.PERSISTENT_VOLUME_CLAIM.name: storage.CLAIM,
    kinds.DAEMON_SET.name: workloads.DAEMON_SET,
    kinds.JOB.name: workloads.JOB,
}


def strategy_of(kind: Kind) -> Strategy:
    """The strategy of a kind; one that does nothing where it has none."""
    return STRATEGIES.get(kind.name, _NONE)

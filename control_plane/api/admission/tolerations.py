"""DefaultTolerationSeconds: how long a pod stays on a node that is lost, unless it says so itself. Pure."""

from functools import lru_cache
from typing import Final

from knarr.proto.kubernetes import core_v1_pb2 as core

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"


def admit_tolerations(pod: core.Pod, seconds: int) -> None:
    """Let a pod stay for a while on a node that is not ready or out of reach, unless it says otherwise."""
    said = pod.spec.tolerations
    missing = [
        toleration
        for toleration in _defaults(seconds)
        if not any(_tolerates(own, toleration.key) for own in said)
    ]
    said.extend(missing)


@lru_cache(maxsize=1)
def _defaults(seconds: int) -> tuple[core.Toleration, ...]:
    return tuple(
        core.Toleration(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=seconds)
        for key in (NOT_READY, UNREACHABLE)
    )


def _tolerates(toleration: core.Toleration, key: str) -> bool:
    return toleration.key in (key, "") and toleration.effect in ("NoExecute", "")

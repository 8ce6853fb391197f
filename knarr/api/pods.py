"""What a pod says of itself in the values of its fields. Pure."""

from typing import Final

from knarr.proto.kubernetes import core_v1_pb2 as core

FINISHED: Final = ("Succeeded", "Failed")  # the phases that a pod never leaves


def is_finished(pod: core.Pod) -> bool:
    """Succeeded or Failed: it will not run again."""
    return pod.status.phase in FINISHED


def is_sidecar(container: core.Container) -> bool:
    """Of an init container: it goes on running beside the others (kubernetes.io, sidecar-containers)."""
    return container.restartPolicy == "Always"


def sidecars(pod: core.Pod) -> frozenset[str]:
    """The names of the pod's sidecars."""
    return frozenset(container.name for container in pod.spec.initContainers if is_sidecar(container))

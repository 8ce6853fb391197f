"""Why a pod does not run, in one line: for the conditions of what waits for it. Pure."""

from collections.abc import Iterable

from control_plane.controllers.pods import is_active, ready_since
from knarr.proto.kubernetes import core_v1_pb2 as core

_HARMLESS = {"", "ContainerCreating", "PodInitializing"}


def trouble_of(pod: core.Pod) -> str:
    """What keeps the pod from running, as `Unschedulable: …` or `ErrImagePull: …`; "" when nothing does."""
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return _line(condition.reason, condition.message)
    for status in (*pod.status.initContainerStatuses, *pod.status.containerStatuses):
        if status.state.waiting.reason not in _HARMLESS:
            waiting = status.state.waiting
            return f'container "{status.name}": {_line(waiting.reason, waiting.message)}'
    return ""


def first_trouble(pods: Iterable[core.Pod]) -> str:
    """The trouble of the first pod by name that has any; by name, so that it does not change all the time."""
    for pod in sorted(pods, key=lambda one: one.metadata.name):
        if is_active(pod) and ready_since(pod) is None:
            trouble = trouble_of(pod)
            if trouble:
                return f'pod "{pod.metadata.name}": {trouble}'
    return ""


def _line(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason

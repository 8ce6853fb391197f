"""Ask for less of what is short. Pure."""

from bisect import bisect_left
from collections.abc import Iterator

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.requests import CPU, EPHEMERAL_STORAGE, MEMORY, amount, pod_requests
from control_plane.scheduler.why.changes import EditPod, Trial, edited, only_rows
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal
from control_plane.scheduler.why.words import amount_text
from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core

_COMPRESSIBLE = (CPU, MEMORY, EPHEMERAL_STORAGE)  # requests of others must equal their limits
_MOST_PARTS = 16  # pods that go together and share a node


def lower_requests(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """For each resource that is short somewhere: what could be requested on the best node."""
    short = {reason.removeprefix("Insufficient ") for reason in refusal.counts}
    for name, wanted in trial.view.shape.requests:
        if name not in short:
            continue
        with trial.apart():
            rows = only_rows(trial.mask(_without(trial.pod, name)))
            free = [max(0.0, float(trial.cluster.nodes.free_of(name)[row])) for row in rows]
        target = _target(trial, name, wanted, free)
        if target:
            yield from _lowered(trial.pod, name, target, wanted)
        elif rows and not any(amount(name, amount_text(name, one)) for one in free):
            yield Proposal(Effort.RELAX, f"drop the {name} request", EditPod(_without(trial.pod, name)))


def _target(trial: Trial, name: str, wanted: int, free: list[float]) -> int:
    """The most that could be requested instead, 0 for nothing: what is free on a node, or for pods that go
    together an equal part of it."""
    if trial.companions is None:
        most = amount(name, amount_text(name, max(free, default=0.0)))
        return most if most < wanted else 0
    numbers = range(1, min(trial.companions.needs, _MOST_PARTS) + 1)
    parts = {amount(name, amount_text(name, one / number)) for one in set(free) for number in numbers}
    targets = sorted((part for part in parts if 0 < part < wanted), reverse=True)

    def works(target: int) -> bool:
        return any(trial.outcome(made.change) for made in _lowered(trial.pod, name, target, wanted))

    at = bisect_left(targets, True, key=works)
    return targets[at] if at < len(targets) else 0


def _lowered(pod: core.Pod, name: str, target: int, wanted: int) -> Iterator[Proposal]:
    """The request of one container lowered so that the pod's is `target`."""
    changed = edited(pod)
    container = _largest(changed, name)
    if container is None:
        return
    before = amount(name, container.resources.requests[name].string)
    after = amount_text(name, before - (wanted - target))
    if amount(name, after) < 0 or (name not in _COMPRESSIBLE and amount(name, after) == 0):
        return
    was = quantity.canonical(container.resources.requests[name].string)
    container.resources.requests[name].string = after
    if name not in _COMPRESSIBLE and name in container.resources.limits:
        container.resources.limits[name].string = after
    sentence = f"lower the {name} request of container {container.name} from {was} to {after}"
    yield Proposal(Effort.SHRINK, sentence, EditPod(changed))


def _largest(pod: core.Pod, name: str) -> core.Container | None:
    """The container whose request decides: the largest of those that run together, or the init container
    that needs more than they do."""
    spec = core.PodSpec()
    spec.CopyFrom(pod.spec)
    del spec.initContainers[:]
    together = pod_requests(spec).get(name, 0)
    among = (
        pod.spec.containers if together == pod_requests(pod.spec).get(name, 0) else pod.spec.initContainers
    )
    asking = [container for container in among if name in container.resources.requests]
    return max(asking, key=lambda c: amount(name, c.resources.requests[name].string), default=None)


def _without(pod: core.Pod, name: str) -> core.Pod:
    changed = edited(pod)
    for container in (*changed.spec.containers, *changed.spec.initContainers):
        container.resources.requests.pop(name, None)
        container.resources.limits.pop(name, None)
    changed.spec.resources.requests.pop(name, None)
    changed.spec.overhead.pop(name, None)
    return changed

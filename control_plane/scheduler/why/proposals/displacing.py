"""Make room at the cost of other pods: evict one, or be more important than some. Pure."""

from collections.abc import Iterator, Mapping

from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.evaluate import node_mask
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.why.changes import RaisePriority, RemovePod, Trial, edited
from control_plane.scheduler.why.nearest import order
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal, Proposer

_MOST_PODS = 200


def evict_pod(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Pods of the nearest nodes, the least important first."""
    nodes = trial.cluster.nodes
    may = node_mask(trial.view, trial.profile)
    there = [
        pod
        for row in order(trial.view, trial.profile).tolist()[:_MOST_PODS]
        if may[row]
        for pod in trial.cluster.on_node.get(nodes.names[row], {}).values()
        if _makes_room(trial.view.shape, pod)
    ][:_MOST_PODS]
    there.sort(key=lambda pod: (pod.shape.priority, pod.shape.requests))
    for pod in there:
        namespace, _, name = pod.key.partition("/")
        yield Proposal(
            Effort.DISPLACE,
            f"evict pod {pod.key} of priority {pod.shape.priority} from {pod.node}",
            RemovePod(pod.key),
            f"knarr delete pod {name} -n {namespace}",
        )


def _makes_room(shape: Shape, pod: PlacedPod) -> bool:
    """Whether the room would be the waiting pod's: not when the pod's owner makes another that goes first, or
    that waits in the same owner's name."""
    if pod.terminating or pod.assumed:
        return False
    owner = pod.shape.owner_uid
    return not owner or (owner != shape.owner_uid and pod.shape.priority <= shape.priority)


def raise_priority(classes: Mapping[str, int]) -> Proposer:
    """For the priority classes that let their pods preempt (name -> value): the least that would do."""

    def propose(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
        for name, value in sorted(classes.items(), key=lambda row: row[1]):
            shape = trial.view.shape
            more = value > shape.priority or (shape.never_preempts and value == shape.priority)
            if more and not name.startswith("system-"):
                changed = edited(trial.pod)
                changed.spec.ClearField("preemptionPolicy")  # it comes with the class
                changed.spec.priority, changed.spec.priorityClassName = value, name
                text = f"give the pod the priority class {name} ({value}), so that it may preempt others"
                change = RaisePriority(changed)
                if trial.outcome(change):
                    yield Proposal(Effort.DISPLACE, text, change)
                    return

    return propose

"""Where pods of a plan would go: the scheduler's own decision, on its picture of the cluster as the plan has
it. Pure but for the picture, which it puts back."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

from control_plane.insight.picture import Picture
from control_plane.insight.plan.layout import Layout, Placing
from control_plane.insight.plan.trial import Trial, tried
from control_plane.insight.why.pending import companions, refusals, without_evicting
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Decision, PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.gangs.attempt import decide_gang
from control_plane.scheduler.gangs.membership import group_of
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.shaping import Shapes
from control_plane.scheduler.why.advice import advise
from control_plane.scheduler.why.changes import Companions
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

MOST_OTHERS = 2_000  # pods that wait already, and are thought about too
MOST_ADVISED = 3  # kinds of pods that wait for which changes are tried


def place(picture: Picture, layout: Layout) -> Placing:
    """What would become of the waiting pods, the most important first, else in their order; those that wait
    in the cluster already come before those of the plan."""
    outcome, shapes = Placing(), Shapes()
    with tried(picture.cluster, shapes) as trial:
        trial.lay_out(layout)
        new = list(_ready(picture, layout, trial, outcome))
        known = {*layout.gone_pods, *layout.placed, *map(key_of, layout.waiting)}
        old = [pod for pod in picture.waiting_pods() if pod.key not in known and not pod.gang]
        ready = sorted([*old[:MOST_OTHERS], *new], key=lambda pod: -pod.shape.priority)
        others = {pod.key for pod in old}
        for gang, pods in _crowds(ready, others):
            if gang:
                _place_gang(picture, layout, trial, gang, pods, outcome)
            elif pods[0].key in others:
                _place_others(picture, trial, pods, outcome)
            else:
                _place_alone(picture, trial, pods, outcome)
    return outcome


def advice(picture: Picture, layout: Layout, pods: Sequence[core.Pod]) -> dict[str, wire.Refusals]:
    """What would help pods that wait in the end, by key: for the first of each few kinds of them."""
    found: dict[str, wire.Refusals] = {}
    shapes = Shapes()
    seen: set[Shape] = set()
    with tried(picture.cluster, shapes) as trial:
        trial.lay_out(layout)
        for pod in pods:
            shape = shapes.of(pod)
            if shape in seen or len(seen) == MOST_ADVISED:
                continue
            seen.add(shape)
            known = _companions(picture, layout, pod, shapes)
            advised = advise(
                picture.cluster, pod, picture.profile_of(shape), picture.budgets, companions=known
            )
            found[key_of(pod)] = refusals(without_evicting(advised, layout.placed))
    return found


def key_of(pod: core.Pod) -> str:
    """ "namespace/name"."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _ready(picture: Picture, layout: Layout, trial: Trial, outcome: Placing) -> Iterator[PendingPod]:
    """The pods that the scheduler would try; of the others it is said why not."""
    for pod in layout.waiting:
        key = key_of(pod)
        if pod.spec.schedulingGates:
            names = ", ".join(gate.name for gate in pod.spec.schedulingGates)
            outcome.held[key] = f"waits for its scheduling gates: {names}"
        elif pod.spec.schedulerName not in picture.profiles:
            outcome.held[key] = f"there is no scheduler {pod.spec.schedulerName}"
        else:
            gang = group_of(pod)
            policy = _policy_least(picture, layout, gang)
            if gang and policy is None:
                outcome.held[key] = f"waits for PodGroup {gang}, which does not exist"
            else:
                shape = trial.shapes.of(pod)
                yield PendingPod(key, pod.metadata.uid, shape, gang=gang if policy else "")


def _policy_least(picture: Picture, layout: Layout, gang: str) -> int | None:
    """How many pods of a gang must have nodes at once; None: there is no such gang."""
    policy = layout.policies.get(gang) or picture.membership.policy(gang)
    return None if policy is None else policy.at_least


def _members(picture: Picture, layout: Layout, gang: str) -> tuple[int, int]:
    """How many pods of the gang have nodes, and how many must."""
    new = sum(group_of(pod) == gang for pod, _ in layout.placed.values())
    have = picture.membership.count(gang, without=layout.gone_pods) + new
    return have, _policy_least(picture, layout, gang) or 1


def _companions(picture: Picture, layout: Layout, pod: core.Pod, shapes: Shapes) -> Companions | None:
    """What a pod of a gang goes together with; None: it goes by itself."""
    gang = group_of(pod)
    if not gang or not _policy_least(picture, layout, gang):
        return None
    have, least = _members(picture, layout, gang)
    waiting = [
        PendingPod(key_of(other), other.metadata.uid, shapes.of(other), gang=gang)
        for other in layout.waiting
        if group_of(other) == gang
    ]
    return companions(picture, gang, pod, waiting, max(1, least - have))


def _crowds(pods: Iterable[PendingPod], others: Collection[str]) -> Iterator[tuple[str, list[PendingPod]]]:
    """Pods of a gang, wherever they stand, with the first of them; neighbours of one shape together, those of
    the plan apart from the others."""
    gangs: dict[str, list[PendingPod]] = {}
    ordered: list[PendingPod] = []
    for pod in pods:
        if not pod.gang or pod.gang not in gangs:
            ordered.append(pod)
        if pod.gang:
            gangs.setdefault(pod.gang, []).append(pod)
    for (gang, _, _), group in groupby(ordered, key=lambda pod: (pod.gang, pod.shape, pod.key in others)):
        yield gang, gangs[gang] if gang else list(group)


def _place_others(picture: Picture, trial: Trial, pods: list[PendingPod], outcome: Placing) -> None:
    """Pods that wait already: they may take room, and are not said to make any."""
    profile = picture.profile_of(pods[0].shape)
    for decision in decide(trial.cluster, pods, profile):
        if isinstance(decision, Placed):
            trial.forget(decision.pod.key)
            outcome.helped[decision.pod.key] = decision.node


def _place_alone(picture: Picture, trial: Trial, pods: list[PendingPod], outcome: Placing) -> None:
    while pods:
        profile = picture.profile_of(pods[0].shape)
        decisions = decide(trial.cluster, pods, profile, 0, picture.budgets)
        _note(trial, decisions, outcome)
        pods = pods[len(decisions) :]  # after a preemption the rest is decided about anew


def _place_gang(
    picture: Picture, layout: Layout, trial: Trial, gang: str, pods: list[PendingPod], outcome: Placing
) -> None:
    have, least = _members(picture, layout, gang)
    needs = max(1, least - have)
    if len(pods) < needs:
        for pod in pods:
            outcome.held[pod.key] = (
                f"gang {gang} gets nodes for {least} pods at once, and has {have + len(pods)}"
            )
        return
    made = decide_gang(trial.cluster, gang, pods, needs, picture.profile_of, budgets=picture.budgets)
    decisions: list[Decision] = [*made.placed, *made.preemptions]
    _note(trial, decisions, outcome)
    for pod in pods:
        if pod.key not in outcome.placed and made.refusal is not None:
            outcome.refused[pod.key] = made.refusal


def _note(trial: Trial, decisions: Sequence[Decision], outcome: Placing) -> None:
    for decision in decisions:
        key = decision.pod.key
        match decision:
            case Placed(node=node):
                outcome.placed[key] = node
                trial.forget(key)
                volumes = trial.cluster.storage.kept_for(key)
                if volumes:
                    outcome.volumes[key] = dict(volumes)
            case Preemption(node=node, victims=victims):
                outcome.placed[key] = node
                trial.forget(key)
                for victim in victims:
                    trial.remove_pod(victim.key)
                real = [victim for victim in victims if outcome.helped.pop(victim.key, None) is None]
                if real:
                    outcome.victims[key] = tuple(real)
            case Unschedulable():
                outcome.refused[key] = decision

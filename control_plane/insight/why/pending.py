"""Why a pod has no node: gates, a scheduler that nobody is, a gang, or nodes that do not take it. Pure but
for the picture, which it puts back."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from control_plane.insight.picture import Picture
from control_plane.insight.why.answers import blank
from control_plane.insight.why.sentences import listed
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.gangs.attempt import decide_gang
from control_plane.scheduler.storage import UNBOUND
from control_plane.scheduler.why.advice import Advice, advise
from control_plane.scheduler.why.changes import Companions, RemovePod
from control_plane.volumes.mounting import claims_of
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

Classes = Mapping[str, int]
_MOST_NAMES = 100


def pending(picture: Picture, pod: core.Pod, classes: Classes) -> wire.WhyResponse:
    """What keeps the pod from having a node. `classes`: priority classes, name -> value."""
    answer = blank(POD, pod)
    if pod.spec.schedulingGates:
        _gated(pod, answer)
    elif pod.spec.schedulerName not in picture.profiles:
        _foreign(pod, answer)
    elif _room_is_made(picture, pod):
        answer.verdict = wire.PROGRESSING
        answer.summary = (
            f"pods of lower priority end on node {pod.status.nominatedNodeName} to make room for it"
        )
    elif picture.gang_of(pod):
        _of_gang(picture, pod, classes, answer)
    else:
        _advised(picture, pod, _advice(picture, pod, classes), answer)
    return answer


def _advice(picture: Picture, pod: core.Pod, classes: Classes, known: Companions | None = None) -> Advice:
    profile = picture.profiles.of(pod.spec.schedulerName)
    return advise(picture.cluster, pod, profile, picture.budgets, classes, known)


def _room_is_made(picture: Picture, pod: core.Pod) -> bool:
    there = picture.cluster.on_node.get(pod.status.nominatedNodeName, {}).values()
    return any(other.terminating and other.shape.priority < pod.spec.priority for other in there)


def _gated(pod: core.Pod, answer: wire.WhyResponse) -> None:
    names = [gate.name for gate in pod.spec.schedulingGates]
    what = "the scheduling gate" if len(names) == 1 else "the scheduling gates"
    answer.verdict = wire.GATED
    answer.summary = f"it is not scheduled before {what} {listed(names)} {_is(names)} taken away"
    answer.details.append("whoever set a gate takes it away when what it stands for is done")


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _foreign(pod: core.Pod, answer: wire.WhyResponse) -> None:
    answer.verdict = wire.FOREIGN
    answer.summary = (
        f"it names the scheduler {pod.spec.schedulerName}, which this control plane has no profile for"
    )
    answer.remedies.append(
        "drop spec.schedulerName, start the scheduler of that name, or give the control plane a profile "
        "of that name (knarr server --scheduler-config)"
    )


def _of_gang(picture: Picture, pod: core.Pod, classes: Classes, answer: wire.WhyResponse) -> None:
    gang = picture.gang_of(pod)
    policy, have = picture.membership.policy(gang), picture.membership.count(gang)
    waiting = picture.waiting(gang)
    if policy is None:
        answer.verdict = wire.HELD
        answer.summary = f"it waits for its PodGroup {gang}, which does not exist"
        answer.remedies.append("create the PodGroup, or drop spec.schedulingGroup of the pod")
    elif have + len(waiting) < policy.at_least:
        answer.verdict = wire.HELD
        answer.summary = (
            f"its gang {gang} gets nodes for {policy.at_least} pods at once or for none, and has "
            f"{have + len(waiting)} so far"
        )
        answer.remedies.append(f"make the other pods of the gang, or lower minCount of PodGroup {gang}")
    else:
        _whole_gang(picture, pod, classes, answer)


def _whole_gang(picture: Picture, pod: core.Pod, classes: Classes, answer: wire.WhyResponse) -> None:
    """The gang is complete: does it fit, and if not, is it for this pod?"""
    gang, cluster = picture.gang_of(pod), picture.cluster
    needs = picture.membership.needs(gang) or 1
    outcome = decide_gang(
        cluster, gang, picture.waiting(gang), needs, picture.profile_of, budgets=picture.budgets
    )
    made: list[Placed | Preemption] = [*outcome.placed, *outcome.preemptions]
    _undo(cluster, [decision.pod for decision in made])
    if outcome.refusal is None or made:
        answer.verdict = wire.PROGRESSING
        answer.summary = f"its gang {gang} fits now: it is scheduled at its next try"
        return
    advice = _advice(picture, pod, classes, companions(picture, gang, pod, picture.waiting(gang), needs))
    if advice.refusal is None:
        answer.verdict = wire.HELD
        answer.summary = f"its gang does not fit: {outcome.refusal.message.removesuffix('.')}"
        namespace, _, name = outcome.refusal.pod.key.partition("/")
        answer.remedies.append(f"ask about the pod that has no room: knarr why {name} -n {namespace}")
    else:
        _advised(picture, pod, advice, answer)
        answer.details.append(outcome.refusal.note.removesuffix(": "))
        if advice.suggestions:
            answer.details.append("a change counts as tried when all of the gang had nodes then")


def companions(
    picture: Picture, gang: str, pod: core.Pod, waiting: Sequence[PendingPod], needs: int
) -> Companions:
    """What the pod goes together with. `waiting`: the pods of the gang that have no node, itself too."""
    own = f"{pod.metadata.namespace}/{pod.metadata.name}"
    shape = next((one.shape for one in waiting if one.key == own), None)
    alike = tuple(one for one in waiting if one.shape is shape and one.key != own)
    others = tuple(one for one in waiting if one.shape is not shape and one.key != own)
    return Companions(gang, alike, others, needs, picture.profile_of)


def without_evicting(advice: Advice, keys: Container[str]) -> Advice:
    """The advice without the eviction of those pods: they are only thought to be there."""
    kept = [
        suggestion
        for suggestion in advice.suggestions
        if not isinstance(change := suggestion.proposal.change, RemovePod) or change.key not in keys
    ]
    return replace(advice, suggestions=tuple(kept))


def _undo(cluster: Cluster, pods: Iterable[PendingPod]) -> None:
    for pod in pods:
        cluster.undo(pod.key, pod.uid)


def _advised(picture: Picture, pod: core.Pod, advice: Advice, answer: wire.WhyResponse) -> None:
    if advice.refusal is None:
        answer.verdict = wire.PROGRESSING
        answer.summary = "a node would take it now: it is scheduled at its next try"
        answer.details.append("if that lasts, no control plane that schedules leads: see its log")
        return
    answer.verdict = wire.UNSCHEDULABLE
    answer.summary = advice.refusal.message.removesuffix(".")
    answer.refusals.CopyFrom(refusals(advice))
    answer.remedies.extend(_about_claims(picture, pod, advice.refusal))


def _about_claims(picture: Picture, pod: core.Pod, refusal: Unschedulable) -> Iterator[str]:
    """What to do about claims that keep the pod off every node."""
    for reason in refusal.counts:
        if reason.startswith("persistentvolumeclaim") and reason.endswith("not found"):
            name = reason.split('"')[1]
            yield f"create the claim {name}, or take it out of the pod"
    if UNBOUND in refusal.counts:
        namespace = pod.metadata.namespace
        for name in sorted(claims_of(pod.spec)):
            claim = picture.cluster.storage.claim((namespace, name))
            if claim is not None and claim.status.phase != "Bound":
                yield f"the claim {name} has no volume yet: knarr why pvc/{name} -n {namespace} says why"


def refusals(advice: Advice) -> wire.Refusals:
    """The advice as an answer."""
    refusal = advice.refusal
    made = wire.Refusals(nodes=refusal.nodes if refusal else 0)
    if refusal is not None:
        _add_refused(refusal, made)
    for near in advice.nearest:
        made.nearest.add(nodes=near.nodes[:_MOST_NAMES], lacks=near.lacks)
    for suggestion in advice.suggestions:
        proposal = suggestion.proposal
        made.suggestions.add(text=proposal.text, command=proposal.command, node=suggestion.node)
    return made


def _add_refused(refusal: Unschedulable, made: wire.Refusals) -> None:
    for row in refusal.refused:
        made.refused.add(
            filter=row.filter, reason=row.reason, count=len(row.nodes), nodes=row.nodes[:_MOST_NAMES]
        )

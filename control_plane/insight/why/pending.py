"""Why a pod has no node: gates, a scheduler that nobody is, a gang, or nodes that do not take it. Pure but
for the picture, which it puts back."""

from collections.abc import Mapping, Sequence

from control_plane.insight.picture import Picture
from control_plane.insight.why.pods import blank
from control_plane.insight.why.sentences import listed
from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.why.advice import Advice, advise
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

_MOST_NAMES = 100


def pending(
    picture: Picture, pod: core.Pod, budgets: Sequence[Budget], classes: Mapping[str, int]
) -> wire.WhyResponse:
    """What keeps the pod from having a node."""
    answer = blank(pod)
    if pod.spec.schedulingGates:
        _gated(pod, answer)
    elif pod.spec.schedulerName not in picture.profiles:
        _foreign(pod, answer)
    else:
        advice = advise(picture.cluster, pod, picture.profiles.of(pod.spec.schedulerName), budgets, classes)
        _advised(advice, answer)
    return answer


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


def _advised(advice: Advice, answer: wire.WhyResponse) -> None:
    if advice.refusal is None:
        answer.verdict = wire.PROGRESSING
        answer.summary = "a node would take it now: it is scheduled at its next try"
        return
    answer.verdict = wire.UNSCHEDULABLE
    answer.summary = f"no node takes it: {advice.refusal.message.removesuffix('.')}"
    answer.refusals.CopyFrom(refusals(advice))


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

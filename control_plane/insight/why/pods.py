"""What is the matter with a pod, from its deletion back to its gates; where it waits for a node, pending.py
says why. Pure."""

from collections.abc import Sequence

from control_plane.insight.why.answers import blank
from control_plane.insight.why.containers import Trouble, troubles
from control_plane.insight.why.facts import PodFacts, last_seen
from control_plane.insight.why.sentences import exit_text, listed, since
from knarr.api.conditions import condition_of, holds
from knarr.api.kinds import POD
from knarr.api.owners import controller_of
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

_MOST_HAPPENINGS = 5
_HARMLESS_EVENTS = ("FailedScheduling",)  # the answer says the same, and more


def needs_node(pod: core.Pod) -> bool:
    """Whether the pod waits for a node: pending.py is to be asked."""
    return not (pod.spec.nodeName or is_finished(pod) or pod.metadata.HasField("deletionTimestamp"))


def diagnose(facts: PodFacts) -> wire.WhyResponse:
    """What is the matter with a pod that has a node, is over, or goes."""
    pod, answer = facts.pod, blank(POD, facts.pod)
    if is_finished(pod):
        _over(facts, answer)
    elif pod.metadata.HasField("deletionTimestamp"):
        _terminating(facts, answer)
    elif facts.node is None or _silent(facts.node):
        _node_lost(facts, answer)
    else:
        _on_node(facts, answer)
    add_happenings(answer, facts.events)
    return answer


def verdict_of(pod: core.Pod) -> wire.Verdict.ValueType:
    """The pod's verdict as far as the pod alone tells: enough to find the worst of many."""
    if pod.status.phase == "Succeeded":
        return wire.FINISHED
    if pod.status.phase == "Failed":
        return wire.FAILED
    if pod.metadata.HasField("deletionTimestamp"):
        return wire.TERMINATING
    if not pod.spec.nodeName:
        return wire.GATED if pod.spec.schedulingGates else wire.UNSCHEDULABLE
    found = troubles(pod, ())
    if found:
        return worst(found).verdict
    return wire.WELL if is_ready(pod) else wire.PROGRESSING


def worst(found: Sequence[Trouble]) -> Trouble:
    """What keeps the pod most: what cannot start, then what ends, then what is not ready."""
    order = (wire.NOT_STARTED, wire.CRASHING, wire.NOT_READY)
    return min(found, key=lambda trouble: order.index(trouble.verdict))


def is_ready(pod: core.Pod) -> bool:
    return holds(pod.status.conditions, "Ready")


def add_happenings(answer: wire.WhyResponse, events: Sequence[core.Event]) -> None:
    """The newest warnings, each once, less those of which the answer consists already."""
    seen: set[tuple[str, str]] = set()
    said = " ".join((answer.summary, *answer.details))
    for event in events:
        told = (event.reason, event.message)
        if event.type != "Warning" or event.reason in _HARMLESS_EVENTS or told in seen:
            continue
        if event.message and event.message in said:
            continue
        seen.add(told)
        answer.happenings.add(
            reason=event.reason, message=event.message, count=max(1, event.count), last_seen=last_seen(event)
        )
        if len(seen) == _MOST_HAPPENINGS:
            return


def _over(facts: PodFacts, answer: wire.WhyResponse) -> None:
    pod, status = facts.pod, facts.pod.status
    if status.phase == "Succeeded":
        answer.verdict, answer.summary = wire.FINISHED, "it has done its work: all containers ended well"
        return
    answer.verdict = wire.FAILED
    why = f"{status.reason}: {status.message}" if status.message else status.reason
    answer.summary = f"it failed and will not run again{f' ({why})' if why else ''}"
    for trouble in troubles(pod, facts.events):
        _tell(answer, trouble)
    if pod.metadata.HasField("deletionTimestamp"):
        _add_finalizers(pod, answer)
    elif controller_of(pod.metadata) is None:
        answer.details.append("nothing owns the pod, so nothing makes another in its place")


def _terminating(facts: PodFacts, answer: wire.WhyResponse) -> None:
    pod, node = facts.pod, facts.node
    answer.verdict = wire.TERMINATING
    # The deletion timestamp lies ahead of the deletion by the grace period.
    due = pod.metadata.deletionTimestamp
    left_s = due.seconds - facts.now
    if left_s > 0:
        answer.summary = f"it was deleted, and has {int(left_s)} s left to end"
    else:
        answer.summary = f"it was deleted, and should have been gone {since(due, facts.now)} ago"
    running = [one.name for one in pod.status.containerStatuses if one.state.HasField("running")]
    if pod.spec.nodeName and node is None:
        answer.details.append(f"its node {pod.spec.nodeName} is gone, so nobody can say that it has ended")
        answer.remedies.append(_force(pod, "the pod is removed by itself before long; to remove it now"))
    elif node is not None and _silent(node):
        answer.details.append(f"its node {node.metadata.name} does not answer: {_silence(node, facts.now)}")
        answer.remedies.append(_force(pod, "bring the node back; or, if it is gone for good"))
    elif running:
        answer.details.append(f"{listed(running)} still {'runs' if len(running) == 1 else 'run'}")
    _add_finalizers(pod, answer)


def _force(pod: core.Pod, when: str) -> str:
    own = pod.metadata
    return f"{when}: knarr delete pod {own.name} -n {own.namespace} --force --grace-period=0"


def _add_finalizers(pod: core.Pod, answer: wire.WhyResponse) -> None:
    finalizers = list(pod.metadata.finalizers)
    if finalizers:
        answer.verdict = wire.TERMINATING
        what, them = ("finalizer", "it") if len(finalizers) == 1 else ("finalizers", "them")
        answer.details.append(f"the {what} {listed(finalizers)} must be taken away by whoever set {them}")


def _silent(node: core.Node) -> bool:
    return _ready_condition(node).status != "True"


def _ready_condition(node: core.Node) -> core.NodeCondition:
    return condition_of(node.status.conditions, "Ready") or core.NodeCondition()


def _silence(node: core.Node, now: float) -> str:
    condition = _ready_condition(node)
    said = f"{condition.reason}: {condition.message}" if condition.message else condition.reason or "unknown"
    return f"{said}, for {since(condition.lastTransitionTime, now)}"


def _node_lost(facts: PodFacts, answer: wire.WhyResponse) -> None:
    answer.verdict, name = wire.NODE_LOST, facts.pod.spec.nodeName
    if facts.node is None:
        answer.summary = f"its node {name} is gone"
        answer.details.append("the pod is removed by itself before long")
        return
    answer.summary = f"its node {name} is not ready ({_silence(facts.node, facts.now)})"
    stays = [
        one.tolerationSeconds if one.HasField("tolerationSeconds") else None
        for one in facts.pod.spec.tolerations
        if one.effect in ("", "NoExecute")
        and one.key in ("", "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    ]
    if stays and None not in stays:
        seconds = min(one for one in stays if one is not None)
        answer.details.append(f"the pod tolerates that for {seconds} s, and is evicted then")
    elif stays:
        answer.details.append("the pod tolerates that for ever: it stays until the node is back or deleted")


def _on_node(facts: PodFacts, answer: wire.WhyResponse) -> None:
    found = troubles(facts.pod, facts.events)
    if found:
        first = worst(found)
        answer.verdict, answer.summary = first.verdict, first.sentence
        for trouble in sorted(found, key=lambda one: one is not first):
            _tell(answer, trouble)
        return
    if is_ready(facts.pod):
        restarts = sum(one.restartCount for one in facts.pod.status.containerStatuses)
        answer.verdict, answer.summary = wire.WELL, "it runs and is ready; nothing is wrong"
        if restarts:
            answer.details.append(_last_restart(facts.pod, facts.now))
        return
    _on_its_way(facts, answer)


def _on_its_way(facts: PodFacts, answer: wire.WhyResponse) -> None:
    pod = facts.pod
    waits = [
        one
        for one in facts.events
        if one.type == "Warning" and one.reason.startswith("Failed") and one.reason not in _HARMLESS_EVENTS
    ]
    conditions = {one.type: one.status for one in pod.status.conditions}
    gates = [gate.conditionType for gate in pod.spec.readinessGates]
    missing = [gate for gate in gates if conditions.get(gate) != "True"]
    running = [one for one in pod.status.containerStatuses if one.state.HasField("running")]
    inits = [one for one in pod.status.initContainerStatuses if one.state.HasField("running")]
    if running and missing and len(running) == len(pod.status.containerStatuses):
        answer.verdict = wire.NOT_READY
        answer.summary = f"all containers are ready, but the readiness gate {listed(missing)} is not True"
    elif waits and not running:
        answer.verdict = wire.NOT_STARTED
        answer.summary = f"its containers cannot be made yet: {waits[0].reason}: {waits[0].message}"
    elif inits and not running:
        name, start = inits[0].name, inits[0].state.running.startedAt
        answer.verdict = wire.PROGRESSING
        answer.summary = f"init container {name} runs since {since(start, facts.now)}; the others wait for it"
        _tell_log(answer, name)
    else:
        answer.verdict = wire.PROGRESSING
        answer.summary = f"node {pod.spec.nodeName} is starting it, since {_since_bound(pod, facts.now)}"


def _tell_log(answer: wire.WhyResponse, name: str) -> None:
    answer.containers.add(name=name, init=True, state="Running", log=wire.ContainerTrouble.CURRENT)


def _since_bound(pod: core.Pod, now: float) -> str:
    bound = (one.lastTransitionTime for one in pod.status.conditions if one.type == "PodScheduled")
    return since(next(bound, pod.metadata.creationTimestamp), now)


def _last_restart(pod: core.Pod, now: float) -> str:
    newest = max(pod.status.containerStatuses, key=lambda one: one.lastState.terminated.finishedAt.seconds)
    last = newest.lastState.terminated
    how = exit_text(last.exitCode, last.reason)
    return (
        f"container {newest.name} was restarted {newest.restartCount} times, the last time "
        f"{since(last.finishedAt, now)} ago after {how}"
    )


def _tell(answer: wire.WhyResponse, trouble: Trouble) -> None:
    answer.containers.append(trouble.container)
    if trouble.sentence != answer.summary:
        answer.details.append(trouble.sentence)
    if trouble.remedy and trouble.remedy not in answer.remedies:
        answer.remedies.append(trouble.remedy)

"""What is the matter with objects that make no pods: services without pods behind them, nodes, and what any
kind says of itself in its conditions. Pure."""

from collections.abc import Iterator, Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.insight.why.answers import blank
from control_plane.insight.why.pods import is_ready
from control_plane.insight.why.sentences import listed, times
from control_plane.insight.why.workloads import worst_of
from knarr.api.kinds import CRON_JOB, NODE, SERVICE, Kind
from knarr.api.suggest import nearest
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire


def service(
    obj: core.Service, pods: Sequence[core.Pod], others: Sequence[core.Pod] = ()
) -> tuple[wire.WhyResponse, core.Pod | None]:
    """A service: has it pods, are they ready, do they have its ports? `pods`: those that it selects;
    `others`: those of its namespace, where it selects none."""
    answer = blank(SERVICE, obj)
    selector = ",".join(f"{key}={value}" for key, value in sorted(obj.spec.selector.items()))
    ready = [pod for pod in pods if is_ready(pod)]
    if obj.spec.type == "ExternalName":
        answer.verdict, answer.summary = wire.WELL, f"it is only a name for {obj.spec.externalName}"
    elif not selector:
        answer.verdict, answer.summary = wire.IDLE, "it has no selector: somebody else says where it leads"
    elif not pods:
        answer.verdict = wire.STUCK
        answer.summary = f"no pod of the namespace has the labels that it selects ({selector})"
        answer.details.extend(_near_misses(obj, others))
        answer.remedies.append(
            "compare spec.selector with the labels of the pods: knarr get pods --show-labels"
        )
    elif not ready:
        answer.verdict = wire.NOT_READY
        answer.summary = f"none of its {times(len(pods), 'pod')} is ready, so it leads nowhere"
    else:
        answer.verdict = wire.WELL
        answer.summary = f"{len(ready)} of the {times(len(pods), 'pod')} that it selects can be reached"
    for name in _missing_ports(obj, pods):
        answer.verdict = wire.STUCK
        answer.details.append(f"no container of its pods has a port called {name}")
    return answer, worst_of(pods) if answer.verdict is not wire.WELL else None


def _near_misses(obj: core.Service, pods: Sequence[core.Pod]) -> Iterator[str]:
    """Labels of pods that the selector may have meant."""
    for key, value in sorted(obj.spec.selector.items()):
        values = {pod.metadata.labels[key] for pod in pods if key in pod.metadata.labels}
        if not values:
            near = nearest(key, {label for pod in pods for label in pod.metadata.labels})
            yield f"no pod has a label {key}" + (f"; did you mean {near}?" if near else "")
        elif value not in values:
            near = nearest(value, values)
            yield f"no pod has {key}={value}" + (f"; did you mean {key}={near}?" if near else "")


def _missing_ports(obj: core.Service, pods: Sequence[core.Pod]) -> list[str]:
    """Target ports by a name that no pod has."""
    names = {port.name for pod in pods for container in pod.spec.containers for port in container.ports}
    wanted = [port.targetPort.strVal for port in obj.spec.ports if port.targetPort.strVal]
    return [name for name in dict.fromkeys(wanted) if pods and not name.isdigit() and name not in names]


def node(obj: core.Node) -> wire.WhyResponse:
    """A node: does it answer, is it cordoned, is it short of something?"""
    answer = blank(NODE, obj)
    conditions = {one.type: one for one in obj.status.conditions}
    ready = conditions.get("Ready", core.NodeCondition(status="Unknown", message="it has never reported"))
    pressed = [one for one in obj.status.conditions if one.type != "Ready" and one.status == "True"]
    if ready.status != "True":
        answer.verdict = wire.NODE_LOST
        answer.summary = f"it is not ready ({ready.reason or 'unknown'}): {ready.message}"
    elif pressed:
        answer.verdict = wire.NOT_READY
        answer.summary = f"it is short of something: {pressed[0].type}: {pressed[0].message}"
    elif obj.spec.unschedulable:
        answer.verdict = wire.IDLE
        answer.summary = "it is ready but cordoned: no new pods come to it"
        answer.remedies.append(f"knarr uncordon {obj.metadata.name}")
    else:
        answer.verdict, answer.summary = wire.WELL, "it is ready and takes pods; nothing is wrong"
    kept_off = [f"{one.key}:{one.effect}" for one in obj.spec.taints if one.effect != "PreferNoSchedule"]
    if kept_off:
        answer.details.append(f"pods must tolerate {listed(kept_off)}")
    return answer


def cron_job(obj: batch.CronJob, jobs: Sequence[batch.Job]) -> tuple[wire.WhyResponse, batch.Job | None]:
    """A cron job, and its newest job, which is to be asked about."""
    answer = blank(CRON_JOB, obj)
    newest = max(
        jobs, key=lambda job: (job.metadata.creationTimestamp.seconds, job.metadata.name), default=None
    )
    if obj.spec.suspend:
        answer.verdict, answer.summary = wire.IDLE, "it is suspended: it starts no jobs"
        return answer, None
    if newest is None:
        answer.verdict = wire.IDLE
        answer.summary = f"it has no job: none has been due ({obj.spec.schedule}), or all are cleaned up"
        return answer, None
    answer.verdict, answer.summary = wire.WELL, f"its newest job is {newest.metadata.name}"
    return answer, newest


def _made_at(job: batch.Job) -> tuple[int, str]:
    return job.metadata.creationTimestamp.seconds, job.metadata.name


def other(kind: Kind, obj: Message) -> wire.WhyResponse:
    """Any other kind: what its conditions say."""
    answer = blank(kind, obj)
    own = metadata(obj)
    status = getattr(obj, "status", None)
    bad = [
        one
        for one in getattr(status, "conditions", ())
        if getattr(one, "status", "") == "False" and getattr(one, "message", "")
    ]
    if own.HasField("deletionTimestamp"):
        answer.verdict = wire.TERMINATING
        what = listed([f"the finalizer {name}" for name in own.finalizers]) or "the garbage collector"
        answer.summary = f"it was deleted, and waits for {what}"
    elif bad:
        answer.verdict = wire.STUCK
        answer.summary = f"{bad[0].type} is False ({bad[0].reason}): {bad[0].message}"
        answer.details.extend(f"{one.type} is False ({one.reason}): {one.message}" for one in bad[1:])
    elif getattr(status, "phase", "") in ("Pending", "Lost"):
        answer.verdict, answer.summary = wire.STUCK, f"its phase is {status.phase}"  # type: ignore[union-attr]
    else:
        answer.verdict, answer.summary = wire.WELL, "nothing is wrong with it as far as is known"
    return answer

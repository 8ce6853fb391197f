"""What is said of what makes pods, of services, nodes and the rest: one object and one sentence a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message

from control_plane.insight.why import others
from control_plane.insight.why.workloads import diagnose, workload_of, worst_of
from knarr.api import kinds
from knarr.api.codec import object_from_dict
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

MINUTE_AGO = "2023-11-14T22:12:20Z"
READY = {"type": "Ready", "status": "True"}


def made(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any], **metadata: Any) -> Message:
    api_version = next(found.api_version for found in kinds.KINDS if found.name == kind)
    return object_from_dict(
        {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": "web", "namespace": "default", "generation": 2, **metadata},
            "spec": dict(spec),
            "status": dict(status),
        }
    ).strict()


def pod(name: str, state: str = "ready", **more: Any) -> core.Pod:
    status: dict[str, Any] = {"phase": "Running", "conditions": [READY]}
    spec: dict[str, Any] = {"nodeName": "alpha", "containers": [{"name": "main"}]}
    container: dict[str, Any] = {"name": "main"}
    match state:
        case "crashing":
            container |= {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        case "unpulled":
            container |= {"state": {"waiting": {"reason": "ErrImagePull"}}}
        case "unready":
            container |= {"state": {"running": {"startedAt": MINUTE_AGO}}}
        case "pending":
            spec.pop("nodeName")
        case "gated":
            spec.pop("nodeName")
            spec["schedulingGates"] = [{"name": "g"}]
        case "failed":
            status["phase"] = "Failed"
        case "starting":
            container |= {"state": {"waiting": {"reason": "ContainerCreating"}}}
    if state != "ready":
        status |= {"conditions": [], "containerStatuses": [container]}
    found = made("Pod", spec, status, name=name, **more)
    assert isinstance(found, core.Pod)
    return found


def condition(type: str, status: str, reason: str = "R", message: str = "m") -> dict[str, str]:
    return {"type": type, "status": status, "reason": reason, "message": message}


def counts(ready: int, updated: int | None = None, **more: Any) -> dict[str, Any]:
    found = {"observedGeneration": 2, "readyReplicas": ready, **more}
    return found if updated is None else {**found, "updatedReplicas": updated}


@dataclass(frozen=True)
class Case:
    """An object with its pods, and what is said."""

    obj: Message
    verdict: wire.Verdict.ValueType
    summary: str
    details: Sequence[str] = ()
    worst: str = ""
    pods: Sequence[core.Pod] = field(default_factory=tuple)


THREE = {"replicas": 3}
QUOTA = 'pods "web-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5, limited: pods=5'
CASES = {
    "deployment that is well": Case(
        made("Deployment", THREE, counts(3, 3)),
        wire.WELL,
        "3 of 3 pods are ready; nothing is wrong",
        pods=[pod("a"), pod("b"), pod("c")],
    ),
    "deployment whose pods exceed a quota": Case(
        made("Deployment", THREE, counts(1, 1, conditions=[condition("ReplicaFailure", "True", "F", QUOTA)])),
        wire.REFUSED,
        f"its pods may not be created: {QUOTA}",
        ["1 of 3 pods is ready, 1 up to date, 1 exists"],
        pods=[pod("a")],
    ),
    "replica set whose pods are refused": Case(
        made("ReplicaSet", THREE, counts(0, conditions=[condition("ReplicaFailure", "True", "F", QUOTA)])),
        wire.REFUSED,
        f"its pods may not be created: {QUOTA}",
        ["0 of 3 pods are ready, 0 exist"],
    ),
    "rollout past its deadline": Case(
        made(
            "Deployment",
            {**THREE, "progressDeadlineSeconds": 600},
            counts(
                2,
                1,
                conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded", "it timed out.")],
            ),
        ),
        wire.STUCK,
        "its rollout has made no progress for longer than 600 s: it timed out.",
        ["2 of 3 pods are ready, 1 up to date"],
        worst="c",
        pods=[pod("a"), pod("b"), pod("c", "unpulled")],
    ),
    "rollout that does not go on": Case(
        made(
            "Deployment",
            THREE,
            counts(3, 0, conditions=[condition("Progressing", "False", "ReplicaSetCreateError", "no")]),
        ),
        wire.STUCK,
        "its rollout does not go on (ReplicaSetCreateError): no",
        ["3 of 3 pods are ready, 0 up to date, 0 exist"],
    ),
    "paused deployment with a change": Case(
        made("Deployment", {**THREE, "paused": True}, counts(3, 0)),
        wire.IDLE,
        "it is paused: changes of its template are not rolled out; `knarr rollout resume` goes on",
    ),
    "paused deployment without a change": Case(
        made("Deployment", {**THREE, "paused": True}, counts(3, 3)),
        wire.WELL,
        "3 of 3 pods are ready; nothing is wrong",
        pods=[pod("a"), pod("b"), pod("c")],
    ),
    "deployment scaled to nothing": Case(
        made("Deployment", {"replicas": 0}, counts(0, 0)),
        wire.IDLE,
        "it is scaled to 0: it is to have no pods",
    ),
    "deployment that nobody has looked at": Case(
        made("Deployment", THREE, {"observedGeneration": 1}),
        wire.PROGRESSING,
        "its controller has not acted on its last change yet",
        ["if that lasts, no control plane that runs controllers leads: see its log"],
    ),
    "deployment with pods in several kinds of trouble": Case(
        made("Deployment", THREE, counts(0, 3)),
        wire.CRASHING,
        "0 of 3 pods are ready",
        ["crashing: b", "without a node: a", "not ready: c"],
        worst="b",
        pods=[pod("a", "pending"), pod("b", "crashing"), pod("c", "unready")],
    ),
    "deployment with a pod that starts": Case(
        made("Deployment", {"replicas": 1}, counts(0, 1)),
        wire.PROGRESSING,
        "0 of 1 pod is ready",
        worst="a",
        pods=[pod("a", "starting")],
    ),
    "deployment whose pods are still to be made": Case(
        made("Deployment", THREE, counts(1, 1)),
        wire.PROGRESSING,
        "1 of 3 pods is ready, 1 up to date, 1 exists",
        pods=[pod("a")],
    ),
    "deployment that is deleted": Case(
        made("Deployment", THREE, counts(3, 3), deletionTimestamp=MINUTE_AGO, finalizers=["orphan"]),
        wire.TERMINATING,
        "it was deleted, and waits for the finalizer orphan and 1 pod of it to end",
        pods=[pod("a")],
    ),
    "replica set with a gated pod": Case(
        made("ReplicaSet", {"replicas": 1}, counts(0)),
        wire.GATED,
        "0 of 1 pod is ready",
        worst="a",
        pods=[pod("a", "gated")],
    ),
    "stateful set with a pod that cannot start": Case(
        made("StatefulSet", THREE, counts(1, 3)),
        wire.NOT_STARTED,
        "1 of 3 pods is ready, 2 exist",
        worst="web-1",
        pods=[pod("web-0"), pod("web-1", "unpulled")],
    ),
    "daemon set without a node": Case(
        made("DaemonSet", {}, {"observedGeneration": 2, "desiredNumberScheduled": 0}),
        wire.IDLE,
        "no node is one on which its pods may run",
    ),
    "daemon set with a pod that crashes": Case(
        made(
            "DaemonSet",
            {},
            {
                "observedGeneration": 2,
                "desiredNumberScheduled": 2,
                "numberReady": 1,
                "updatedNumberScheduled": 2,
            },
        ),
        wire.CRASHING,
        "1 of 2 pods is ready",
        worst="b",
        pods=[pod("a"), pod("b", "crashing")],
    ),
    "job that is complete": Case(
        made("Job", {"parallelism": 1}, {"succeeded": 1, "conditions": [condition("Complete", "True")]}),
        wire.FINISHED,
        "it is complete: 1 pod did the work",
    ),
    "job that failed": Case(
        made(
            "Job",
            {"parallelism": 1, "completions": 1},
            {"failed": 3, "conditions": [condition("Failed", "True", "BackoffLimitExceeded", "too often")]},
        ),
        wire.STUCK,
        "it failed after 3 failed pods (BackoffLimitExceeded): too often",
        ["0 of 1 pod is ready, 0 exist"],
        worst="a",
        pods=[pod("a", "failed")],
    ),
    "job that is suspended": Case(
        made("Job", {"parallelism": 1, "suspend": True}, {}),
        wire.IDLE,
        "it is suspended: it makes no pods before it is resumed",
    ),
    "replication controller": Case(
        made("ReplicationController", {"replicas": 1}, counts(1)),
        wire.WELL,
        "1 of 1 pod is ready; nothing is wrong",
        pods=[pod("a")],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_said_of_what_makes_pods(case: Case) -> None:
    workload = workload_of(case.obj)
    assert workload is not None
    answer, worst = diagnose(kinds.of(case.obj), workload, case.pods)
    assert (answer.verdict, answer.summary) == (case.verdict, case.summary)
    assert list(answer.details) == list(case.details)
    assert ("" if worst is None else worst.metadata.name) == case.worst


def test_the_worst_pod_is_the_first_of_the_worst() -> None:
    assert worst_of([pod("a"), pod("b")]) is None
    found = worst_of([pod("d", "pending"), pod("c", "crashing"), pod("b", "crashing"), pod("a")])
    assert found is not None
    assert found.metadata.name == "b"


def service(selector: Mapping[str, str] | None = None, **spec: Any) -> core.Service:
    found = made("Service", {"selector": dict(selector or {"app": "web"}), **spec}, {})
    assert isinstance(found, core.Service)
    return found


SERVICES = {
    "it leads to pods": (
        service(),
        [pod("a"), pod("b", "unready")],
        wire.WELL,
        "1 of the 2 pods that it selects can be reached",
    ),
    "nobody is selected": (
        service(),
        [],
        wire.STUCK,
        "no pod of the namespace has the labels that it selects (app=web)",
    ),
    "nobody is ready": (
        service(),
        [pod("a", "crashing")],
        wire.NOT_READY,
        "none of its 1 pod is ready, so it leads nowhere",
    ),
    "a name for another": (
        service(type="ExternalName", externalName="db.example"),
        [],
        wire.WELL,
        "it is only a name for db.example",
    ),
    "a port that no pod has": (
        service(ports=[{"port": 80, "targetPort": "http"}]),
        [pod("a")],
        wire.STUCK,
        "1 of the 1 pod that it selects can be reached",
    ),
}


@pytest.mark.parametrize(("obj", "pods", "verdict", "summary"), SERVICES.values(), ids=SERVICES.keys())
def test_what_is_said_of_a_service(
    obj: core.Service, pods: list[core.Pod], verdict: wire.Verdict.ValueType, summary: str
) -> None:
    answer, _ = others.service(obj, pods)
    assert (answer.verdict, answer.summary) == (verdict, summary)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"app": "webb"}, "no pod has app=web; did you mean app=webb?"),
        ({"app": "database"}, "no pod has app=web"),
        ({"apps": "web"}, "no pod has a label app; did you mean apps?"),
    ],
)
def test_what_a_service_may_have_meant(labels: dict[str, str], said: str) -> None:
    answer, _ = others.service(service(), [], [pod("a", labels=labels)])
    assert list(answer.details) == [said]


def test_a_service_without_a_selector() -> None:
    answer, _ = others.service(core.Service(), [])
    assert (answer.verdict, answer.summary) == (
        wire.IDLE,
        "it has no selector: somebody else says where it leads",
    )


NODES = {
    "ready": ({}, [READY], wire.WELL, "it is ready and takes pods; nothing is wrong", []),
    "cordoned": (
        {
            "unschedulable": True,
            "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
        },
        [READY],
        wire.IDLE,
        "it is ready but cordoned: no new pods come to it",
        ["pods must tolerate node.kubernetes.io/unschedulable:NoSchedule"],
    ),
    "silent": (
        {},
        [condition("Ready", "Unknown", "NodeStatusUnknown", "no answer")],
        wire.NODE_LOST,
        "it is not ready (NodeStatusUnknown): no answer",
        [],
    ),
    "never heard of": ({}, [], wire.NODE_LOST, "it is not ready (unknown): it has never reported", []),
    "short of disk": (
        {},
        [READY, condition("DiskPressure", "True", "R", "5% left")],
        wire.NOT_READY,
        "it is short of something: DiskPressure: 5% left",
        [],
    ),
}


@pytest.mark.parametrize(
    ("spec", "conditions", "verdict", "summary", "details"), NODES.values(), ids=NODES.keys()
)
def test_what_is_said_of_a_node(
    spec: dict[str, Any],
    conditions: list[dict[str, str]],
    verdict: wire.Verdict.ValueType,
    summary: str,
    details: list[str],
) -> None:
    obj = made("Node", spec, {"conditions": conditions})
    assert isinstance(obj, core.Node)
    answer = others.node(obj)
    assert (answer.verdict, answer.summary, list(answer.details)) == (verdict, summary, details)


def test_a_cron_job_is_asked_about_its_newest_job() -> None:
    cron = made("CronJob", {"schedule": "* * * * *"}, {})
    assert isinstance(cron, batch.CronJob)
    jobs = [made("Job", {}, {}, name=name, creationTimestamp=at) for name, at in _JOBS]
    answer, newest = others.cron_job(cron, [job for job in jobs if isinstance(job, batch.Job)])
    assert answer.summary == "its newest job is late"
    assert newest is not None
    assert newest.metadata.name == "late"
    answer, newest = others.cron_job(cron, [])
    assert (answer.verdict, newest) == (wire.IDLE, None)
    cron.spec.suspend = True
    assert others.cron_job(cron, [])[0].summary == "it is suspended: it starts no jobs"


_JOBS = [("late", "2023-11-14T22:12:20Z"), ("early", "2023-11-14T22:10:20Z")]


OTHERS = {
    "well": (
        made("PersistentVolumeClaim", {}, {"phase": "Bound"}),
        wire.WELL,
        "nothing is wrong with it as far as is known",
    ),
    "claim that waits": (
        made("PersistentVolumeClaim", {}, {"phase": "Pending"}),
        wire.STUCK,
        "its phase is Pending",
    ),
    "condition that is False": (
        made(
            "HorizontalPodAutoscaler",
            {},
            {"conditions": [condition("AbleToScale", "False", "FailedGetScale", "no such deployment")]},
        ),
        wire.STUCK,
        "AbleToScale is False (FailedGetScale): no such deployment",
    ),
    "namespace that does not go": (
        made("Namespace", {}, {}, deletionTimestamp=MINUTE_AGO, finalizers=["team.example/keep"]),
        wire.TERMINATING,
        "it was deleted, and waits for the finalizer team.example/keep",
    ),
}


@pytest.mark.parametrize(("obj", "verdict", "summary"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_said_of_the_rest(obj: Message, verdict: wire.Verdict.ValueType, summary: str) -> None:
    answer = others.other(kinds.of(obj), obj)
    assert (answer.verdict, answer.summary) == (verdict, summary)

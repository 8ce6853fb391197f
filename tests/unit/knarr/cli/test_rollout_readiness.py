"""When a rollout is over, in kubectl's sentences."""

import pytest
from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.codec import from_dict
from knarr.cli.readiness import Readiness, Verdict, by_status, deployment_readiness, pod_trouble, readiness
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core


def deployment(**status: object) -> apps.Deployment:
    value = {"metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 3}, "status": status}
    return from_dict(value, apps.Deployment)


SEEN = {"observedGeneration": 2}
LATE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "message": "ImagePullBackOff",
}


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        pytest.param(
            deployment(observedGeneration=1), Verdict.WAITING, "spec update to be observed", id="new"
        ),
        pytest.param(
            deployment(**SEEN, replicas=3, updatedReplicas=1),
            Verdict.WAITING,
            "1 out of 3 new replicas have been updated",
            id="updating",
        ),
        pytest.param(
            deployment(**SEEN, replicas=4, updatedReplicas=3),
            Verdict.WAITING,
            "1 old replicas are pending termination",
            id="old ones",
        ),
        pytest.param(
            deployment(**SEEN, replicas=3, updatedReplicas=3, availableReplicas=2),
            Verdict.WAITING,
            "2 of 3 updated replicas are available",
            id="not available",
        ),
        pytest.param(
            deployment(**SEEN, replicas=3, updatedReplicas=3, availableReplicas=3),
            Verdict.READY,
            'deployment "web" successfully rolled out',
            id="done",
        ),
        pytest.param(
            deployment(**SEEN, conditions=[LATE]),
            Verdict.FAILED,
            "exceeded its progress deadline: ImagePullBackOff",
            id="too late",
        ),
    ],
)
def test_deployment(found: apps.Deployment, verdict: Verdict, sentence: str) -> None:
    result = deployment_readiness(found)
    assert (result.verdict, sentence in result.message) == (verdict, True), result.message


def pod(**status: object) -> core.Pod:
    return from_dict({"metadata": {"name": "p"}, "status": status}, core.Pod)


def test_pods() -> None:
    assert readiness(pod(phase="Failed", reason="Evicted")).verdict is Verdict.FAILED
    assert readiness(pod(phase="Succeeded")).verdict is Verdict.READY
    assert readiness(pod(conditions=[{"type": "Ready", "status": "True"}])).verdict is Verdict.READY
    assert readiness(pod(phase="Pending")).message == "Pending"
    assert readiness(from_dict({"metadata": {"name": "c"}}, core.ConfigMap)).verdict is Verdict.READY


def of(message: type[Message], spec: dict[str, object], **status: object) -> Message:
    value = {"metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status}
    return from_dict(value, message)


PARTITION = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}


@pytest.mark.parametrize(
    ("found", "verdict", "sentence"),
    [
        (of(apps.StatefulSet, {"replicas": 3}), Verdict.WAITING, "spec update to be observed"),
        (
            of(apps.StatefulSet, {"replicas": 3}, **SEEN, readyReplicas=1),
            Verdict.WAITING,
            "2 pods to be ready",
        ),
        (
            of(apps.StatefulSet, {"replicas": 3}, **SEEN, readyReplicas=3, updatedReplicas=1),
            Verdict.WAITING,
            "1 out of 3 new pods",
        ),
        (
            of(
                apps.StatefulSet,
                {"replicas": 3, "updateStrategy": PARTITION},
                **SEEN,
                readyReplicas=3,
                updatedReplicas=1,
            ),
            Verdict.READY,
            "successfully rolled out",
        ),
        (of(apps.DaemonSet, {}), Verdict.WAITING, "spec update to be observed"),
        (
            of(apps.DaemonSet, {}, **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=1),
            Verdict.WAITING,
            "1 out of 2 new pods",
        ),
        (
            of(
                apps.DaemonSet,
                {},
                **SEEN,
                desiredNumberScheduled=2,
                updatedNumberScheduled=2,
                numberAvailable=1,
            ),
            Verdict.WAITING,
            "1 of 2 updated pods are available",
        ),
        (of(apps.DaemonSet, {}, **SEEN), Verdict.READY, "successfully rolled out"),
        (of(batch.Job, {"completions": 3}, succeeded=1), Verdict.WAITING, "1 of 3 pods have succeeded"),
        (of(batch.Job, {}, conditions=[{"type": "Complete", "status": "True"}]), Verdict.READY, "complete"),
        (of(batch.Job, {"suspend": True}), Verdict.READY, "suspended"),
        (
            of(
                batch.Job,
                {},
                conditions=[{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}],
            ),
            Verdict.FAILED,
            "BackoffLimitExceeded",
        ),
    ],
)
def test_other_workloads(found: Message, verdict: Verdict, sentence: str) -> None:
    result = by_status(found)
    assert (result.verdict, sentence in result.message) == (verdict, True), result.message


def test_what_nothing_acts_on_is_not_waited_for() -> None:
    found = readiness(of(kinds.INGRESS.message, {}))
    assert found == Readiness(
        Verdict.READY, "stored; nothing acts on it yet: no traffic is led to its backends"
    )


def test_trouble_is_told_once_with_its_count() -> None:
    unscheduled = pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "no room"}])
    waiting = {
        "name": "c",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3}},
    }
    crashing = pod(containerStatuses=[waiting])
    starting = pod(containerStatuses=[{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}])
    assert pod_trouble([unscheduled, crashing, crashing, starting]) == [
        "container c is waiting: CrashLoopBackOff; the last run ended with exit code 3 (2 pods)",
        "cannot be scheduled: no room",
    ]

"""What is said of pods that have a node, are over, or go: one pod and one sentence a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from control_plane.insight.why.facts import PodFacts
from control_plane.insight.why.pods import diagnose
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

NOW = 1_700_000_000
MINUTE_AGO = "2023-11-14T22:12:20Z"
SOON = "2023-11-14T22:13:40Z"
READY = {"type": "Ready", "status": "True"}
NODE = {"metadata": {"name": "alpha"}, "status": {"conditions": [READY]}}
SILENT = {
    "metadata": {"name": "alpha"},
    "status": {
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "the agent does not answer",
                "lastTransitionTime": MINUTE_AGO,
            }
        ]
    },
}
LOST_FOR_60_S = [
    {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "tolerationSeconds": 60},
    {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "tolerationSeconds": 60},
]


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "message": message, "finishedAt": MINUTE_AGO}


def crashed(code: int, reason: str = "Error", restarts: int = 4) -> list[dict[str, Any]]:
    last = {"terminated": ended(code, reason)}
    return [waiting("CrashLoopBackOff", "back-off 40s", lastState=last, restartCount=restarts)]


def running(**more: Any) -> dict[str, Any]:
    return {"name": "main", "state": {"running": {"startedAt": MINUTE_AGO}}, "started": True, **more}


def event(reason: str, message: str, container: str = "main") -> dict[str, Any]:
    return {
        "metadata": {"name": "web.1", "namespace": "default"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"fieldPath": f"spec.containers{{{container}}}"},
        "count": 3,
        "lastTimestamp": MINUTE_AGO,
    }


@dataclass(frozen=True)
class Case:
    """A pod, and what is said of it."""

    verdict: wire.Verdict.ValueType
    summary: str
    details: Sequence[str] = ()
    remedies: Sequence[str] = ()
    containers: Sequence[dict[str, Any]] = ()
    inits: Sequence[dict[str, Any]] = ()
    conditions: Sequence[dict[str, Any]] = ()
    events: Sequence[dict[str, Any]] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)
    node: Mapping[str, Any] | None = field(default_factory=lambda: NODE)
    probe: str = ""

    def facts(self) -> PodFacts:
        container = {"name": "main", "image": "shop/web:2", **self.spec.get("container", {})}
        spec = {key: value for key, value in self.spec.items() if key != "container"}
        body = {
            "metadata": {"name": "web", "namespace": "default", **self.metadata},
            "spec": {"nodeName": "alpha", "restartPolicy": "Always", "containers": [container], **spec},
            "status": {
                "phase": "Running",
                "containerStatuses": list(self.containers),
                "initContainerStatuses": list(self.inits),
                "conditions": list(self.conditions),
                **self.status,
            },
        }
        node = None if self.node is None else from_dict(self.node, core.Node)
        events = tuple(from_dict(one, core.Event) for one in self.events)
        return PodFacts(from_dict(body, core.Pod), node, events, NOW)


STARTUP = {"startupProbe": {"httpGet": {"port": 80}}}
DEADLINE = {"phase": "Failed", "reason": "DeadlineExceeded", "message": "it ran too long"}

CASES = {
    "ready": Case(
        wire.WELL,
        "it runs and is ready; nothing is wrong",
        containers=[running(ready=True)],
        conditions=[READY],
    ),
    "ready after restarts": Case(
        wire.WELL,
        "it runs and is ready; nothing is wrong",
        details=["container main was restarted 2 times, the last time 60s ago after exit code 3"],
        containers=[running(ready=True, restartCount=2, lastState={"terminated": ended(3)})],
        conditions=[READY],
    ),
    "image that is not there": Case(
        wire.NOT_STARTED,
        "container main has no image: shop/web:2 cannot be pulled (ImagePullBackOff): "
        'Back-off pulling image "shop/web:2": ErrImagePull: not found',
        remedies=["check the image's name and tag, and that the node can reach its registry"],
        containers=[
            waiting("ImagePullBackOff", 'Back-off pulling image "shop/web:2": ErrImagePull: not found')
        ],
    ),
    "image that is never pulled": Case(
        wire.NOT_STARTED,
        "container main has no image: shop/web:2 is not on the node (ErrImageNeverPull)",
        remedies=["load the image on the node, or let imagePullPolicy be IfNotPresent"],
        containers=[waiting("ErrImageNeverPull")],
    ),
    "image name that cannot be": Case(
        wire.NOT_STARTED,
        "container main names an image that cannot be: shop/web:2 (InvalidImageName)",
        remedies=["correct the image's name"],
        containers=[waiting("InvalidImageName")],
    ),
    "config map that is not there": Case(
        wire.NOT_STARTED,
        'container main cannot be made from its spec (CreateContainerConfigError): configmap "c" not found',
        remedies=["create what it names, or mark the reference as optional"],
        containers=[waiting("CreateContainerConfigError", 'configmap "c" not found')],
    ),
    "claim without a volume": Case(
        wire.NOT_STARTED,
        "container main waits for a volume (CreateContainerConfigError): "
        'waiting until persistentvolumeclaim "data" has a volume that this node reaches',
        remedies=["knarr why pvc/data -n default says what the claim lacks"],
        containers=[
            waiting(
                "CreateContainerConfigError",
                'waiting until persistentvolumeclaim "data" has a volume that this node reaches',
            )
        ],
    ),
    "engine that cannot make the container": Case(
        wire.NOT_STARTED,
        "container main cannot be started (CreateContainerError): no such device",
        containers=[waiting("CreateContainerError", "no such device")],
    ),
    "network of the pod that cannot be made": Case(
        wire.NOT_STARTED,
        "container main cannot be started (ContainerCreating): no address is left",
        containers=[waiting("ContainerCreating", "no address is left")],
    ),
    "crash with an exit code": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 4 times): its last run ended with exit code 3",
        containers=crashed(3),
    ),
    "crash for want of a command": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 1 time): its last run ended with exit code 127: "
        "its command was not found",
        containers=crashed(127, restarts=1),
    ),
    "crash by a signal": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 4 times): its last run ended with exit code 139: "
        "segmentation fault (SIGSEGV)",
        containers=crashed(139),
    ),
    "out of memory": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 4 times): its last run ended with exit code 137: "
        "killed for using more memory than its limit",
        remedies=["raise the memory limit of container main, or have it use less"],
        containers=crashed(137, "OOMKilled"),
    ),
    "end without an error": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 4 times): its last run ended with exit code 0, "
        "as if its work were done",
        remedies=["container main should not end by itself; what is meant to end belongs into a Job"],
        containers=crashed(0, "Completed"),
    ),
    "killed by its liveness probe": Case(
        wire.CRASHING,
        "container main ends again and again (restarted 4 times): its last run ended with exit code 137: "
        "it was killed (SIGKILL); Liveness probe failed: HTTP 500",
        remedies=["mend what the probe asks for, or give it more time"],
        containers=crashed(137),
        events=[
            event("Unhealthy", "Liveness probe failed: of another", "side"),
            event("Unhealthy", "Liveness probe failed: HTTP 500"),
        ],
        probe="Liveness probe failed: HTTP 500",
    ),
    "ended and about to be started again": Case(
        wire.CRASHING,
        "container main ended with exit code 1: bad flag",
        containers=[{"name": "main", "state": {"terminated": ended(1, message="bad flag")}}],
    ),
    "init container that crashes": Case(
        wire.CRASHING,
        "init container prepare ends again and again (restarted 2 times): its last run ended with "
        "exit code 1",
        spec={"initContainers": [{"name": "prepare", "image": "tools:1"}]},
        inits=[
            {
                "name": "prepare",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": ended(1)},
                "restartCount": 2,
            }
        ],
        containers=[waiting("PodInitializing")],
    ),
    "init container that takes its time": Case(
        wire.PROGRESSING,
        "init container prepare runs since 60s; the others wait for it",
        spec={"initContainers": [{"name": "prepare", "image": "tools:1"}]},
        inits=[{"name": "prepare", "state": {"running": {"startedAt": MINUTE_AGO}}}],
        containers=[waiting("PodInitializing")],
    ),
    "readiness probe that fails": Case(
        wire.NOT_READY,
        "container main runs but is not ready: Readiness probe failed: connection refused",
        containers=[running()],
        events=[event("Unhealthy", "Readiness probe failed: connection refused")],
        probe="Readiness probe failed: connection refused",
    ),
    "readiness probe that has said nothing": Case(
        wire.NOT_READY,
        "container main runs but is not ready, as its readiness probe has not succeeded yet; it was "
        "restarted 1 time before",
        containers=[running(restartCount=1)],
    ),
    "startup probe that fails": Case(
        wire.NOT_READY,
        "container main runs but has not started up: Startup probe failed: HTTP 503",
        spec={"container": STARTUP},
        containers=[running(started=False)],
        events=[event("Unhealthy", "Startup probe failed: HTTP 503")],
        probe="Startup probe failed: HTTP 503",
    ),
    "readiness gate": Case(
        wire.NOT_READY,
        "all containers are ready, but the readiness gate lb.example/registered is not True",
        spec={"readinessGates": [{"conditionType": "lb.example/registered"}]},
        containers=[running(ready=True)],
    ),
    "volume that cannot be mounted": Case(
        wire.NOT_STARTED,
        'its containers cannot be made yet: FailedMount: secret "key" not found',
        containers=[waiting("ContainerCreating")],
        events=[event("FailedMount", 'secret "key" not found')],
    ),
    "bound a moment ago, after it had waited": Case(
        wire.PROGRESSING,
        "node alpha is starting it, since 60s",
        containers=[waiting("ContainerCreating")],
        conditions=[{"type": "PodScheduled", "status": "True", "lastTransitionTime": MINUTE_AGO}],
        events=[event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")],
    ),
    "bound a moment ago": Case(
        wire.PROGRESSING,
        "node alpha is starting it, since 60s",
        containers=[waiting("ContainerCreating")],
        conditions=[{"type": "PodScheduled", "status": "True", "lastTransitionTime": MINUTE_AGO}],
    ),
    "two containers, the worst first": Case(
        wire.NOT_STARTED,
        "container side cannot be started (CreateContainerError)",
        details=["container main runs but is not ready, as its readiness probe has not succeeded yet"],
        spec={"containers": [{"name": "main"}, {"name": "side"}]},
        containers=[
            running(),
            {"name": "side", "state": {"waiting": {"reason": "CreateContainerError"}}},
        ],
    ),
    "node that does not answer": Case(
        wire.NODE_LOST,
        "its node alpha is not ready (NodeStatusUnknown: the agent does not answer, for 60s)",
        details=["the pod tolerates that for 60 s, and is evicted then"],
        spec={"tolerations": LOST_FOR_60_S},
        containers=[running(ready=True)],
        node=SILENT,
    ),
    "node that does not answer, tolerated for ever": Case(
        wire.NODE_LOST,
        "its node alpha is not ready (NodeStatusUnknown: the agent does not answer, for 60s)",
        details=["the pod tolerates that for ever: it stays until the node is back or deleted"],
        spec={"tolerations": [{"operator": "Exists"}]},
        node=SILENT,
    ),
    "node that is gone": Case(
        wire.NODE_LOST,
        "its node alpha is gone",
        details=["the pod is removed by itself before long"],
        node=None,
    ),
    "deleted, in its grace": Case(
        wire.TERMINATING,
        "it was deleted, and has 20 s left to end",
        details=["main still runs"],
        metadata={"deletionTimestamp": SOON},
        containers=[running()],
    ),
    "deleted, with finalizers": Case(
        wire.TERMINATING,
        "it was deleted, and should have been gone 60s ago",
        details=["the finalizers a.example/x and b.example/y must be taken away by whoever set them"],
        metadata={"deletionTimestamp": MINUTE_AGO, "finalizers": ["a.example/x", "b.example/y"]},
    ),
    "deleted, on a node that does not answer": Case(
        wire.TERMINATING,
        "it was deleted, and should have been gone 60s ago",
        details=["its node alpha does not answer: NodeStatusUnknown: the agent does not answer, for 60s"],
        remedies=[
            "bring the node back; or, if it is gone for good: "
            "knarr delete pod web -n default --force --grace-period=0"
        ],
        metadata={"deletionTimestamp": MINUTE_AGO},
        node=SILENT,
    ),
    "deleted, on a node that is gone": Case(
        wire.TERMINATING,
        "it was deleted, and should have been gone 60s ago",
        details=["its node alpha is gone, so nobody can say that it has ended"],
        remedies=[
            "the pod is removed by itself before long; to remove it now: "
            "knarr delete pod web -n default --force --grace-period=0"
        ],
        metadata={"deletionTimestamp": MINUTE_AGO},
        node=None,
    ),
    "succeeded": Case(
        wire.FINISHED,
        "it has done its work: all containers ended well",
        status={"phase": "Succeeded"},
    ),
    "failed for good": Case(
        wire.FAILED,
        "it failed and will not run again (DeadlineExceeded: it ran too long)",
        details=["nothing owns the pod, so nothing makes another in its place"],
        status=DEADLINE,
    ),
    "failed for good, by its container": Case(
        wire.FAILED,
        "it failed and will not run again",
        details=["container main ended with exit code 2"],
        spec={"restartPolicy": "Never"},
        status={"phase": "Failed"},
        containers=[{"name": "main", "state": {"terminated": ended(2)}}],
        metadata={
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}
            ]
        },
    ),
    "failed, deleted, with a finalizer": Case(
        wire.TERMINATING,
        "it failed and will not run again (DeadlineExceeded: it ran too long)",
        details=["the finalizer batch.kubernetes.io/job-tracking must be taken away by whoever set it"],
        status=DEADLINE,
        metadata={
            "deletionTimestamp": MINUTE_AGO,
            "finalizers": ["batch.kubernetes.io/job-tracking"],
        },
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_said_of_a_pod(case: Case) -> None:
    answer = diagnose(case.facts())
    assert (answer.verdict, answer.summary) == (case.verdict, case.summary)
    assert list(answer.details) == list(case.details)
    assert list(answer.remedies) == list(case.remedies)
    if case.probe:
        assert answer.containers[0].probe == case.probe


@pytest.mark.parametrize(
    ("case", "log"),
    [
        ("crash with an exit code", wire.ContainerTrouble.PREVIOUS),
        ("readiness probe that fails", wire.ContainerTrouble.CURRENT),
        ("image that is not there", wire.ContainerTrouble.NONE),
        ("init container that takes its time", wire.ContainerTrouble.CURRENT),
    ],
)
def test_which_log_says_more(case: str, log: wire.ContainerTrouble.Log.ValueType) -> None:
    assert diagnose(CASES[case].facts()).containers[0].log == log


def test_the_exit_code_is_told_as_a_number() -> None:
    found = diagnose(CASES["out of memory"].facts()).containers[0]
    assert (found.exit_code, found.exit_reason, found.restarts) == (137, "OOMKilled", 4)


def test_warnings_are_told_once_each() -> None:
    told = [event("BackOff", "again"), event("BackOff", "again"), event("FailedScheduling", "no node")]
    answer = diagnose(Case(wire.UNKNOWN, "", containers=[running()], events=told).facts())
    assert [(one.reason, one.message, one.count) for one in answer.happenings] == [("BackOff", "again", 3)]

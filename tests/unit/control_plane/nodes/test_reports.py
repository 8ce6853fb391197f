"""What an agent's report does to a pod's object."""

import pytest

from control_plane.nodes.reports import Effect, Verdict, effect, merged_status
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire

NODE = "node-1"
SCHEDULED = {"type": "PodScheduled", "status": "True"}


def stored(**changes: object) -> core.Pod:
    value: dict[str, object] = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", **_take(changes, "metadata")},
        "spec": {"containers": [{"name": "c"}], "nodeName": NODE, **_take(changes, "spec")},
        "status": {"phase": "Pending", "conditions": [SCHEDULED], **_take(changes, "status")},
    }
    return from_dict(value, core.Pod)


def _take(changes: dict[str, object], name: str) -> dict[str, object]:
    found = changes.get(name, {})
    assert isinstance(found, dict)
    return found


def report(status: dict[str, object] | None, *, uid: str = "u1", terminated: bool = False) -> wire.PodReport:
    made = wire.PodReport(namespace="default", name="web", uid=uid, terminated=terminated)
    if status is not None:
        made.status.CopyFrom(from_dict(status, core.PodStatus))
    return made


RUNNING: dict[str, object] = {"phase": "Running", "podIP": "10.0.0.1"}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("given", "current", "verdict"),
    [
        pytest.param(report(RUNNING), stored(), Verdict.UPDATE, id="news"),
        pytest.param(report(RUNNING), None, Verdict.NOTHING, id="pod is gone"),
        pytest.param(report(RUNNING, uid="u0"), stored(), Verdict.NOTHING, id="an older pod of that name"),
        pytest.param(report(RUNNING), stored(spec={"nodeName": "node-2"}), Verdict.NOTHING, id="not its pod"),
        pytest.param(report(RUNNING, terminated=True), stored(metadata=DELETED), Verdict.REMOVE, id="ended"),
        pytest.param(report(RUNNING, terminated=True), stored(), Verdict.UPDATE, id="ended, not deleted"),
        pytest.param(report(None), stored(), Verdict.NOTHING, id="nothing said"),
        pytest.param(report({"phase": "Pending"}), stored(), Verdict.NOTHING, id="nothing new"),
    ],
)
def test_verdict(given: wire.PodReport, current: core.Pod | None, verdict: Verdict) -> None:
    assert effect(NODE, given, current).verdict is verdict


def test_same_report_twice_does_nothing_the_second_time() -> None:
    first = effect(NODE, report(RUNNING), stored())
    assert first.pod is not None
    assert effect(NODE, report(RUNNING), first.pod) == Effect(Verdict.NOTHING)


def test_conditions_of_others_stay_and_transition_times_are_kept() -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    later = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:05:00Z"}
    current = from_dict({"phase": "Running", "conditions": [SCHEDULED, ready]}, core.PodStatus)
    reported = from_dict({"phase": "Running", "conditions": [later]}, core.PodStatus)
    assert merged_status(current, reported) == current


def test_pod_that_has_ended_does_not_live_again() -> None:
    current = from_dict({"phase": "Failed", "reason": "Evicted"}, core.PodStatus)
    merged = merged_status(current, from_dict({"phase": "Running"}, core.PodStatus))
    assert (merged.phase, merged.reason) == ("Failed", "Evicted")

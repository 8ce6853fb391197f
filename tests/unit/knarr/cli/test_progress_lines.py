"""Progress where nobody sits at a terminal."""

import pytest

from knarr.cli.progress import Progress
from knarr.cli.readiness import pod_trouble
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta


def test_what_comes_and_goes_is_told_once_in_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for message in ("a", "b", "a", "b"):
            progress.say(message)
        progress.done("done")
        progress.say("a")
    assert capsys.readouterr().err.split() == ["a", "b", "done", "a"]


def test_pods_that_end_are_no_trouble() -> None:
    waiting = core.PodCondition(type="PodScheduled", status="False", message="no room")
    stuck = core.Pod(status=core.PodStatus(conditions=[waiting]))
    ending = core.Pod(status=stuck.status, metadata=meta.ObjectMeta(deletionTimestamp=meta.Time(seconds=1)))
    assert pod_trouble([stuck, ending]) == ["cannot be scheduled: no room"]

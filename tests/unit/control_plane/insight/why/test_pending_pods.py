"""What is said of pods without a node, and that the picture is as it was afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message

from control_plane.insight.why.pending import pending
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.services import insight_service_pb2 as wire
from tests.unit.control_plane.insight.pictures_for_tests import picture_of, state
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod

GROUP = {"podGroupName": "train"}


def gang(at_least: int) -> groups.PodGroup:
    body = {
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": at_least}}},
    }
    return from_dict(body, groups.PodGroup)


def pod(name: str = "p", cpu: str = "1", **spec: Any) -> core.Pod:
    return make_pod(name, requests={"cpu": cpu}, **spec)


def of_gang(name: str, cpu: str = "1") -> core.Pod:
    return pod(name, cpu, schedulingGroup=GROUP)


def making_room() -> tuple[core.Pod, core.Pod]:
    """A pod for which another ends."""
    high, low = pod("p", "4", priority=10), pod("low", "4", node="a")
    high.status.nominatedNodeName = "a"
    low.metadata.deletionTimestamp.seconds = 1
    return high, low


@dataclass(frozen=True)
class Case:
    """The first of the pods is asked about."""

    pods: Sequence[core.Pod]
    verdict: wire.Verdict.ValueType
    summary: str
    details: Sequence[str] = ()
    others: Sequence[Message] = ()
    helps: Sequence[str] = field(default_factory=tuple)
    remedies: Sequence[str] | None = None  # None: not looked at


CASES = {
    "one gate": Case(
        [pod(schedulingGates=[{"name": "quota"}])],
        wire.GATED,
        "it is not scheduled before the scheduling gate quota is taken away",
        ["whoever set a gate takes it away when what it stands for is done"],
    ),
    "two gates": Case(
        [pod(schedulingGates=[{"name": "quota"}, {"name": "review"}])],
        wire.GATED,
        "it is not scheduled before the scheduling gates quota and review are taken away",
        ["whoever set a gate takes it away when what it stands for is done"],
    ),
    "another scheduler": Case(
        [pod(schedulerName="theirs")],
        wire.FOREIGN,
        "it names the scheduler theirs, which this control plane has no profile for",
    ),
    "room": Case(
        [pod()],
        wire.PROGRESSING,
        "a node would take it now: it is scheduled at its next try",
        ["if that lasts, no control plane that schedules leads: see its log"],
    ),
    "room is made": Case(
        making_room(), wire.PROGRESSING, "pods of lower priority end on node a to make room for it"
    ),
    "no room": Case(
        [pod(cpu="5")],
        wire.UNSCHEDULABLE,
        "0/1 nodes are available: 1 Insufficient cpu",
        helps=["lower the cpu request of container main from 5 to 4"],
    ),
    "no such claim": Case(
        [pod(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])],
        wire.UNSCHEDULABLE,
        '0/1 nodes are available: 1 persistentvolumeclaim "data" not found',
        remedies=["create the claim data, or take it out of the pod"],
    ),
    "a claim that is to be bound first": Case(
        [pod(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])],
        wire.UNSCHEDULABLE,
        "0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims",
        others=[
            from_dict({"metadata": {"name": "data", "namespace": "default"}}, core.PersistentVolumeClaim)
        ],
        remedies=["the claim data has no volume yet: knarr why pvc/data -n default says why"],
    ),
    "no such group": Case(
        [of_gang("p")], wire.HELD, "it waits for its PodGroup default/train, which does not exist"
    ),
    "incomplete gang": Case(
        [of_gang("p"), of_gang("q")],
        wire.HELD,
        "its gang default/train gets nodes for 3 pods at once or for none, and has 2 so far",
        others=[gang(3)],
    ),
    "gang that fits": Case(
        [of_gang("p"), of_gang("q")],
        wire.PROGRESSING,
        "its gang default/train fits now: it is scheduled at its next try",
        others=[gang(2)],
    ),
    "gang that does not fit, for the pod": Case(
        [of_gang("p", "3"), of_gang("q", "3")],
        wire.UNSCHEDULABLE,
        "0/1 nodes are available: 1 Insufficient cpu",
        [
            "1 of 2 pods of gang default/train fit at once",
            "a change counts as tried when all of the gang had nodes then",
        ],
        others=[gang(2)],
        helps=["lower the cpu request of container main from 3 to 2", "add a node like a"],
    ),
    "gang that does not fit, for another": Case(
        [of_gang("p", "1"), of_gang("q", "5")],
        wire.HELD,
        "its gang does not fit: 1 of 2 pods of gang default/train fit at once: 0/1 nodes are available: "
        "1 Insufficient cpu",
        others=[gang(2)],
        remedies=["ask about the pod that has no room: knarr why q -n default"],
    ),
    "group whose pods go one by one": Case(
        [of_gang("p", "5")],
        wire.UNSCHEDULABLE,
        "0/1 nodes are available: 1 Insufficient cpu",
        others=[from_dict({"metadata": {"name": "train", "namespace": "default"}}, groups.PodGroup)],
        helps=["lower the cpu request of container main from 5 to 4"],
    ),
    "gang of which one has a node": Case(
        [of_gang("p", "1"), pod("q", "1", node="a", schedulingGroup=GROUP)],
        wire.PROGRESSING,
        "its gang default/train fits now: it is scheduled at its next try",
        others=[gang(2)],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_said_of_a_pod_without_a_node(case: Case) -> None:
    picture = picture_of([make_node("a"), *case.others, *case.pods])
    before = state(picture.cluster)
    answer = pending(picture, case.pods[0], {})
    assert (answer.verdict, answer.summary) == (case.verdict, case.summary)
    assert list(answer.details) == list(case.details)
    assert [one.text for one in answer.refusals.suggestions] == list(case.helps)
    assert case.remedies in (None, list(answer.remedies))
    assert state(picture.cluster) == before

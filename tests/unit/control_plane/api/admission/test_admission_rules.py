"""Namespaces, priorities and tolerations of new objects."""

import pytest

from control_plane.api import admission
from knarr.api.kinds import CONFIG_MAP, EVENT, NAMESPACE, NODE, POD, PRIORITY_CLASS, Kind
from knarr.errors import Forbidden, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling


def config_map() -> core.ConfigMap:
    made = core.ConfigMap()
    made.metadata.name, made.metadata.namespace = "c", "team"
    return made


def namespace(*, terminating: bool = False) -> core.Namespace:
    made = core.Namespace()
    made.metadata.name = "team"
    if terminating:
        made.metadata.deletionTimestamp.seconds = 5
    return made


def test_a_namespace_must_exist() -> None:
    with pytest.raises(NotFound, match='namespaces "team" not found'):
        admission.admit_namespace(CONFIG_MAP, config_map(), None)
    admission.admit_namespace(CONFIG_MAP, config_map(), namespace())
    admission.admit_namespace(NODE, core.Node(), None)


def test_a_namespace_on_its_way_out_takes_nothing_but_events() -> None:
    with pytest.raises(Forbidden) as refused:
        admission.admit_namespace(CONFIG_MAP, config_map(), namespace(terminating=True))
    assert refused.value.message == (
        'configmaps "c" is forbidden: unable to create new content in namespace team because it is being '
        "terminated"
    )
    assert refused.value.causes[0].reason == "NamespaceTerminating"
    admission.admit_namespace(EVENT, core.Event(), namespace(terminating=True))


@pytest.mark.parametrize(
    ("kind", "name", "stays"),
    [
        (NAMESPACE, "default", True),
        (NAMESPACE, "kube-system", True),
        (NAMESPACE, "team", False),
        (PRIORITY_CLASS, "system-node-critical", True),
        (PRIORITY_CLASS, "high", False),
        (CONFIG_MAP, "default", False),
    ],
)
def test_what_may_not_be_deleted(kind: Kind, name: str, stays: bool) -> None:
    if stays:
        with pytest.raises(Forbidden):
            admission.admit_deletion(kind, name)
    else:
        admission.admit_deletion(kind, name)


def priority_class(
    name: str, value: int, *, default: bool = False, policy: str = ""
) -> scheduling.PriorityClass:
    made = scheduling.PriorityClass(value=value, globalDefault=default)
    if policy:
        made.preemptionPolicy = policy
    made.metadata.name = name
    return made


HIGH = priority_class("high", 1000, policy="Never")
STANDARD = priority_class("standard", 10, default=True)


def admitted(classes: list[scheduling.PriorityClass], **spec: object) -> core.PodSpec:
    pod = core.Pod(spec=core.PodSpec(**spec))  # type: ignore[arg-type]
    pod.metadata.name = "p"
    admission.admit_priority(POD, pod, {each.metadata.name: each for each in classes})
    return pod.spec


def test_a_priority_is_the_classes() -> None:
    spec = admitted([HIGH, STANDARD], priorityClassName="high")
    assert (spec.priority, spec.preemptionPolicy) == (1000, "Never")


def test_without_a_class_the_default_counts() -> None:
    spec = admitted([HIGH, STANDARD])
    assert (spec.priority, spec.priorityClassName) == (10, "standard")
    lower = priority_class("lower", 5, default=True)
    assert admitted([STANDARD, lower]).priorityClassName == "lower"
    assert (admitted([]).priority, admitted([]).preemptionPolicy) == (0, "PreemptLowerPriority")


def test_the_systems_classes_need_no_object() -> None:
    assert admitted([], priorityClassName="system-node-critical").priority == 2_000_001_000


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"priorityClassName": "nope"}, "no PriorityClass with name nope was found"),
        ({"priority": 5}, "the integer value of priority (5) must not be provided in pod spec"),
        ({"preemptionPolicy": "Never"}, "the string value of PreemptionPolicy (Never) must not be provided"),
    ],
)
def test_refused_priorities(spec: dict[str, object], says: str) -> None:
    with pytest.raises(Forbidden) as refused:
        admitted([], **spec)
    assert says in refused.value.message


def test_a_priority_that_says_the_same_is_accepted() -> None:
    assert admitted([HIGH], priorityClassName="high", priority=1000).priority == 1000


def test_one_default_class_at_the_most() -> None:
    with pytest.raises(Forbidden, match="already marked as default"):
        admission.admit_priority_class(priority_class("new", 1, default=True), [STANDARD])
    admission.admit_priority_class(priority_class("standard", 1, default=True), [STANDARD])
    admission.admit_priority_class(priority_class("new", 1), [STANDARD])


def test_pods_leave_nodes_that_are_out_of_reach() -> None:
    pod = core.Pod()
    admission.admit_tolerations(pod, 7)
    assert [(each.key, each.tolerationSeconds) for each in pod.spec.tolerations] == [
        ("node.kubernetes.io/not-ready", 7),
        ("node.kubernetes.io/unreachable", 7),
    ]
    again = core.Pod()
    again.CopyFrom(pod)
    admission.admit_tolerations(again, 9)
    assert again == pod


def test_a_pod_that_says_itself_is_left_alone() -> None:
    pod = core.Pod()
    pod.spec.tolerations.add(operator="Exists")
    admission.admit_tolerations(pod, 7)
    assert len(pod.spec.tolerations) == 1
    partly = core.Pod()
    partly.spec.tolerations.add(key="node.kubernetes.io/not-ready", effect="NoExecute", operator="Exists")
    partly.spec.tolerations.add(key="node.kubernetes.io/unreachable", effect="NoSchedule", operator="Exists")
    admission.admit_tolerations(partly, 7)
    assert [each.key for each in partly.spec.tolerations][2:] == ["node.kubernetes.io/unreachable"]


def test_an_update_keeps_the_resolved_priority() -> None:
    old, new = core.Pod(), core.Pod()
    old.spec.priority, old.spec.preemptionPolicy = 5, "Never"
    admission.keep_priority(new, old)
    assert new.spec == old.spec

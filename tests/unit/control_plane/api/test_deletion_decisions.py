"""What deleting means for objects in every state, as a table and as properties of any sequence."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api import deletion
from control_plane.api.deletion import Mark, Nothing, Remove
from control_plane.api.messages import copy, metadata
from control_plane.objects.interface import DeleteOptions, Propagation
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, NAMESPACE, POD, REPLICATION_CONTROLLER, Kind
from knarr.errors import Conflict, Invalid
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NOW = 1_000.0
PLAIN = DeleteOptions()


def pod(
    *, node: str = "n1", grace_s: int | None = 30, phase: str = "Running", finalizers: int = 0
) -> core.Pod:
    made = core.Pod()
    made.metadata.name, made.metadata.uid, made.metadata.generation = "web", "u1", 1
    made.metadata.finalizers.extend(f"example.com/{number}" for number in range(finalizers))
    made.spec.nodeName, made.status.phase = node, phase
    if grace_s is not None:
        made.spec.terminationGracePeriodSeconds = grace_s
    return made


def marked(obj: core.Pod, at_s: int, grace_s: int) -> core.Pod:
    obj.metadata.deletionTimestamp.seconds, obj.metadata.deletionGracePeriodSeconds = at_s, grace_s
    return obj


def grace(seconds: int) -> DeleteOptions:
    return DeleteOptions(grace_period_s=seconds)


POD_CASES = {
    # pod, options: what happens, deletionTimestamp, grace
    "bound": (pod(), PLAIN, Mark, 1030, 30),
    "bound without its own grace": (pod(grace_s=None), PLAIN, Mark, 1030, 30),
    "bound, asked for less": (pod(), grace(3), Mark, 1003, 3),
    "bound, asked for more": (pod(), grace(300), Mark, 1300, 300),
    "bound, at once": (pod(), grace(0), Remove, 1000, 0),
    "bound, negative": (pod(), grace(-5), Mark, 1001, 1),
    "bound, its own negative": (pod(grace_s=-1), PLAIN, Mark, 1001, 1),
    "unbound": (pod(node=""), PLAIN, Remove, 1000, 0),
    "unbound, asked for grace": (pod(node=""), grace(9), Remove, 1000, 0),
    "finished": (pod(phase="Failed"), PLAIN, Remove, 1000, 0),
    "succeeded": (pod(phase="Succeeded"), grace(9), Remove, 1000, 0),
    "phase unknown": (pod(phase="Unknown"), PLAIN, Mark, 1030, 30),
    "unbound with a finalizer": (pod(node="", finalizers=1), PLAIN, Mark, 1000, 0),
    "again": (marked(pod(), 1030, 30), PLAIN, Nothing, 1030, 30),
    "again, without saying how": (marked(pod(), 1050, 50), PLAIN, Nothing, 1050, 50),
    "again, finished meanwhile": (marked(pod(phase="Failed"), 1030, 30), PLAIN, Nothing, 1030, 30),
    "again, finished, shorter": (marked(pod(phase="Failed"), 1030, 30), grace(10), Mark, 1010, 10),
    "again, shorter": (marked(pod(), 1030, 30), grace(10), Mark, 1010, 10),
    "again, longer": (marked(pod(), 1030, 30), grace(60), Nothing, 1030, 30),
    "again, at once": (marked(pod(), 1030, 30), grace(0), Remove, 1000, 0),
    "again, at once, with a finalizer": (marked(pod(finalizers=1), 1030, 30), grace(0), Mark, 1000, 0),
    "its agent is done": (marked(pod(), 990, 30), grace(0), Remove, 960, 0),
    "absurd grace": (pod(), grace(2**62), Mark, 1000 + deletion.LONGEST_GRACE_S, deletion.LONGEST_GRACE_S),
}


@pytest.mark.parametrize(("obj", "options", "step", "at_s", "grace_s"), POD_CASES.values(), ids=POD_CASES)
def test_pods(obj: core.Pod, options: DeleteOptions, step: type, at_s: int, grace_s: int) -> None:
    before = copy(obj)
    decided = deletion.decide(POD, obj, options, NOW)
    assert type(decided) is step
    result: Any = decided.last if isinstance(decided, Remove) else decided.obj
    assert result.metadata.deletionTimestamp.seconds == at_s
    assert result.metadata.deletionGracePeriodSeconds == grace_s
    assert obj == before


def test_a_pod_that_goes_at_once_is_announced_once() -> None:
    assert deletion.decide(POD, pod(node=""), PLAIN, NOW) == Remove(
        marked_copy(pod(node=""), 1000, 0, generation=2), announced=True
    )
    done = marked(pod(), 1000, 0)
    assert deletion.decide(POD, done, grace(0), NOW) == Remove(done, announced=False)


def marked_copy(obj: core.Pod, at_s: int, grace_s: int, generation: int) -> core.Pod:
    result = marked(copy(obj), at_s, grace_s)
    result.metadata.generation = generation
    return result


def deployment(*finalizers: str) -> apps.Deployment:
    made = apps.Deployment()
    made.metadata.name, made.metadata.generation = "web", 1
    made.metadata.finalizers.extend(finalizers)
    return made


PROPAGATION_CASES: dict[str, tuple[tuple[str, ...], Propagation | None, tuple[str, ...]]] = {
    "default, nothing holds": ((), None, ()),
    "default keeps what is there": (("foregroundDeletion",), None, ("foregroundDeletion",)),
    "foreground": ((), Propagation.FOREGROUND, ("foregroundDeletion",)),
    "orphan behind its own": (("a.b/c",), Propagation.ORPHAN, ("a.b/c", "orphan")),
    "background takes both away": (("orphan", "a.b/c"), Propagation.BACKGROUND, ("a.b/c",)),
    "orphan instead of foreground": (("foregroundDeletion",), Propagation.ORPHAN, ("orphan",)),
    "foreground instead of orphan": (("orphan",), Propagation.FOREGROUND, ("foregroundDeletion",)),
}


@pytest.mark.parametrize(("has", "propagation", "left"), PROPAGATION_CASES.values(), ids=PROPAGATION_CASES)
def test_propagation(has: tuple[str, ...], propagation: Propagation | None, left: tuple[str, ...]) -> None:
    step = deletion.decide(DEPLOYMENT, deployment(*has), DeleteOptions(propagation=propagation), NOW)
    if left:
        assert isinstance(step, Mark)
        assert isinstance(step.obj, apps.Deployment)
        assert tuple(step.obj.metadata.finalizers) == left
        assert step.obj.metadata.generation == 2
    else:
        assert isinstance(step, Remove)
        assert not step.announced


ORPHANING: dict[str, tuple[Kind, tuple[str, ...], Propagation | None, tuple[str, ...]]] = {
    "job": (JOB, (), None, ("orphan",)),
    "job, other finalizers": (JOB, ("a.b/c",), None, ("a.b/c", "orphan")),
    "job, what it has counts": (JOB, ("foregroundDeletion",), None, ("foregroundDeletion",)),
    "job, background": (JOB, ("a.b/c",), Propagation.BACKGROUND, ("a.b/c",)),
    "job, foreground": (JOB, (), Propagation.FOREGROUND, ("foregroundDeletion",)),
    "replication controller": (REPLICATION_CONTROLLER, (), None, ("orphan",)),
}


@pytest.mark.parametrize(("kind", "has", "propagation", "left"), ORPHANING.values(), ids=ORPHANING)
def test_kinds_that_leave_what_they_own(
    kind: Kind, has: tuple[str, ...], propagation: Propagation | None, left: tuple[str, ...]
) -> None:
    obj = kind.message()
    metadata(obj).finalizers.extend(has)
    step = deletion.decide(kind, obj, DeleteOptions(propagation=propagation), NOW)
    assert isinstance(step, Mark)
    assert tuple(metadata(step.obj).finalizers) == left


def namespace(*finalizers: str, deleting: bool = False) -> core.Namespace:
    made = core.Namespace()
    made.metadata.name, made.status.phase = "team", "Active"
    made.spec.finalizers.extend(finalizers)
    if deleting:
        made.metadata.deletionTimestamp.seconds, made.status.phase = 900, "Terminating"
    return made


@pytest.mark.parametrize("finalizers", [(), ("kubernetes",)])
def test_a_namespace_is_marked_first_and_has_no_grace(finalizers: tuple[str, ...]) -> None:
    step = deletion.decide(NAMESPACE, namespace(*finalizers), PLAIN, NOW)
    assert isinstance(step, Mark)
    assert isinstance(step.obj, core.Namespace)
    assert step.obj.status.phase == "Terminating"
    assert not step.obj.metadata.HasField("deletionGracePeriodSeconds")


def test_a_namespace_goes_when_its_finalizers_are_gone() -> None:
    held, free = namespace("kubernetes", deleting=True), namespace(deleting=True)
    assert deletion.decide(NAMESPACE, held, PLAIN, NOW) == Nothing(held)
    assert deletion.decide(NAMESPACE, free, PLAIN, NOW) == Remove(free)


def test_what_becomes_of_what_a_namespace_owns_is_said_first_or_when_it_is_empty() -> None:
    foreground = DeleteOptions(propagation=Propagation.FOREGROUND)
    steps = [
        deletion.decide(NAMESPACE, obj, foreground, NOW)
        for obj in (namespace("kubernetes"), namespace("kubernetes", deleting=True), namespace(deleting=True))
    ]
    found = []
    for step in steps:
        assert isinstance(step, Mark | Nothing)
        found.append((type(step), list(metadata(step.obj).finalizers)))
    assert found == [(Mark, ["foregroundDeletion"]), (Nothing, []), (Mark, ["foregroundDeletion"])]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (DeleteOptions(uid="u2"), "the UID in the precondition (u2) does not match the UID in record (u1)"),
        (DeleteOptions(resource_version="7"), "the ResourceVersion in the precondition (7) does not match"),
    ],
)
def test_preconditions(options: DeleteOptions, says: str) -> None:
    obj = pod()
    obj.metadata.resourceVersion = "8"
    with pytest.raises(Conflict) as refused:
        deletion.check_preconditions(POD, obj, options)
    assert says in refused.value.message
    deletion.check_preconditions(POD, obj, DeleteOptions(uid="u1", resource_version="8"))


def test_preconditions_of_a_namespace() -> None:
    obj = namespace()
    obj.metadata.uid, obj.metadata.resourceVersion = "u1", "8"
    with pytest.raises(
        Conflict, match=r'on namespaces "team": .* UID in precondition: u2, UID in object meta: u1'
    ):
        deletion.check_preconditions(NAMESPACE, obj, DeleteOptions(uid="u2"))
    with pytest.raises(
        Conflict, match="ResourceVersion in precondition: 7, ResourceVersion in object meta: 8"
    ):
        deletion.check_preconditions(NAMESPACE, obj, DeleteOptions(resource_version="7"))
    deletion.check_preconditions(NAMESPACE, obj, DeleteOptions(uid="u1", resource_version="8"))


OPTION_CASES = {
    "policy": (meta.DeleteOptions(propagationPolicy="Orphan"), DeleteOptions(propagation=Propagation.ORPHAN)),
    "orphan dependents": (
        meta.DeleteOptions(orphanDependents=True),
        DeleteOptions(propagation=Propagation.ORPHAN),
    ),
    "no orphans": (
        meta.DeleteOptions(orphanDependents=False),
        DeleteOptions(propagation=Propagation.BACKGROUND),
    ),
    "no grace": (meta.DeleteOptions(gracePeriodSeconds=0), DeleteOptions(grace_period_s=0)),
    "nothing": (meta.DeleteOptions(), DeleteOptions()),
    "uid": (meta.DeleteOptions(preconditions=meta.Preconditions(uid="u")), DeleteOptions(uid="u")),
}


@pytest.mark.parametrize(("given_options", "read"), OPTION_CASES.values(), ids=OPTION_CASES)
def test_options_are_read(given_options: meta.DeleteOptions, read: DeleteOptions) -> None:
    assert deletion.read_options(given_options) == read


@pytest.mark.parametrize(
    "options",
    [
        meta.DeleteOptions(propagationPolicy="Sideways"),
        meta.DeleteOptions(propagationPolicy="Orphan", orphanDependents=True),
    ],
)
def test_impossible_options_are_refused(options: meta.DeleteOptions) -> None:
    with pytest.raises(Invalid) as refused:
        deletion.read_options(options)
    assert refused.value.causes[0].field == "propagationPolicy"


KINDS_OF_STATES: dict[Kind, Any] = {
    POD: st.builds(
        pod,
        node=st.sampled_from(["", "n1"]),
        grace_s=st.sampled_from([None, 0, 1, 30]),
        phase=st.sampled_from(["Pending", "Running", "Failed"]),
        finalizers=st.integers(0, 2),
    ),
    CONFIG_MAP: st.integers(0, 2).map(
        lambda count: core.ConfigMap(metadata=meta.ObjectMeta(finalizers=[f"a.b/{n}" for n in range(count)]))
    ),
    DEPLOYMENT: st.sampled_from([deployment(), deployment("a.b/c"), deployment("orphan")]),
    NAMESPACE: st.sampled_from([namespace(), namespace("kubernetes")]),
}
OPTIONS = st.builds(
    DeleteOptions,
    grace_period_s=st.sampled_from([None, -1, 0, 1, 10, 60]),
    propagation=st.sampled_from([None, *Propagation]),
)


@pytest.mark.parametrize("kind", KINDS_OF_STATES, ids=str)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_deletion_only_ever_moves_towards_the_end(kind: Kind, data: st.DataObject) -> None:
    """Whatever is asked, in whatever order: deletion is never taken back, grace never grows, a repeated
    request changes nothing, and an object goes exactly when nothing holds it."""
    obj: Any = data.draw(KINDS_OF_STATES[kind])
    now = NOW
    for options in data.draw(st.lists(OPTIONS, max_size=5)):
        now += data.draw(st.integers(0, 20))
        step = deletion.decide(kind, obj, options, now)
        after: Any = step.last if isinstance(step, Remove) else step.obj
        assert after.metadata.HasField("deletionTimestamp")
        if obj.metadata.HasField("deletionTimestamp"):
            assert after.metadata.deletionTimestamp.seconds <= obj.metadata.deletionTimestamp.seconds
            assert after.metadata.deletionGracePeriodSeconds <= obj.metadata.deletionGracePeriodSeconds
        if isinstance(step, Remove):
            assert deletion.is_over(after)
            return
        # A namespace is marked first; the rest of the request counts when it comes again.
        only_marked = kind is NAMESPACE and not obj.metadata.HasField("deletionTimestamp")
        assert only_marked or not deletion.is_over(after)
        assert isinstance(step, Nothing) == (after == obj)
        again = deletion.decide(kind, after, options, now)
        assert only_marked or isinstance(again, Nothing | Remove)
        obj = after

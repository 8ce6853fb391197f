"""Carrying out decisions: order, slow start, errors, versions."""

import asyncio
from dataclasses import dataclass, field

import pytest
from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Create,
    Delete,
    Failure,
    Instance,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    metadata,
)
from control_plane.controllers.apply import Applied, Applier, ApplySettings
from control_plane.objects.interface import DeleteOptions, ObjectKey
from knarr.errors import AlreadyExists, ApiError, Conflict, Forbidden, NotFound, Timeout
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.model import Model, RecordedEvent


def pod(name: str = "", version: str = "") -> core.Pod:
    obj = core.Pod()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.resourceVersion = name, "default", version
    if not name:
        obj.metadata.generateName = "web-"
    return obj


def applier(model: Model, settings: ApplySettings | None = None) -> Applier:
    return Applier(model, model, settings or ApplySettings())


async def test_events_follow_what_was_done_and_name_it() -> None:
    model = Model()
    owner = model.put_new(pod("owner"))
    told = Record(owner, "Normal", "SuccessfulCreate", "Created pod: {name}")
    applied = await applier(model).apply((Create(pod(), told), RequeueAfter(5), RequeueAfter(3)))
    assert applied == Applied(requeue_after_s=3)
    (created,) = [key.name for key in model.keys(core.Pod) if key.name != "owner"]
    about = ObjectKey("Pod", "default", "owner")
    assert model.events == [RecordedEvent(about, "Normal", "SuccessfulCreate", f"Created pod: {created}")]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        pytest.param(Forbidden("quota"), Failure("Create", "quota"), id="final"),
        pytest.param(Conflict("changed"), None, id="lost-race"),
    ],
)
async def test_slow_start_stops_at_the_first_refusals(error: ApiError, failure: Failure | None) -> None:
    tried = 0

    def refuse(verb: str, obj: object) -> None:
        nonlocal tried
        tried += 1
        if tried > 3:
            raise error

    model = Model(refuse=refuse)
    applied = await applier(model).apply([Create(pod()) for _ in range(100)])
    assert applied == Applied(error, failure)
    assert tried == 7  # 1, 2 and 4


async def test_what_comes_after_an_error_is_not_done() -> None:
    model = Model()
    stale = pod("gone", "7")
    applied = await applier(model).apply((Update(stale), Create(pod("other"))))
    assert isinstance(applied.error, NotFound)
    assert list(model.keys(core.Pod)) == []


async def test_status_follows_spec_of_the_same_object_in_one_decision() -> None:
    model = Model()
    both = model.put_new(pod("web"))
    both.spec.nodeName = "alpha"
    both.status.phase = "Running"
    applied = await applier(model).apply((Update(both), UpdateStatus(both)))
    assert applied == Applied()
    stored = model.one(core.Pod, "default", "web")
    assert (stored.spec.nodeName, stored.status.phase) == ("alpha", "Running")


async def test_a_version_of_somebody_else_is_still_a_conflict() -> None:
    model = Model()
    mine = model.put_new(pod("web"))
    theirs = model.one(core.Pod, "default", "web")
    theirs.spec.nodeName = "beta"
    model.put(theirs)
    applied = await applier(model).apply((UpdateStatus(mine),))
    assert isinstance(applied.error, Conflict)


async def test_deleting_what_is_gone_is_no_error_and_no_event() -> None:
    model = Model()
    action = Delete(ObjectKey("Pod", "default", "web"), DeleteOptions(), Record(pod("x"), "Normal", "R", "m"))
    assert await applier(model).apply((action,)) == Applied()
    assert model.events == []


@pytest.mark.parametrize("uid", ["", "the-uid"])
async def test_nothing_is_deleted_while_what_must_be_absent_exists(uid: str) -> None:
    model = Model()
    node = core.Node()
    node.metadata.name, node.metadata.uid = "alpha", "the-uid"
    model.put_new(node)
    model.put_new(pod("web"))
    key = ObjectKey("Pod", "default", "web")
    action = Delete(key, DeleteOptions(), unless=(Instance(ObjectKey("Node", "", "alpha"), uid),))
    assert isinstance((await applier(model).apply((action,))).error, Conflict)
    model.remove(ObjectKey("Node", "", "alpha"))
    assert await applier(model).apply((action,)) == Applied()
    assert list(model.keys(core.Pod)) == []


@dataclass
class Slow(Model):
    """A writer whose creations wait until they are let go."""

    under_way: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def create(self, obj: Message) -> Message:  # type: ignore[override]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        if metadata(obj).name == "stuck":
            await self.gate.wait()
        self.under_way -= 1
        return self.put_new(obj)


async def test_many_creations_are_under_way_at_once_within_the_bound() -> None:
    model = Slow()
    applied = await applier(model, ApplySettings(concurrency=64)).apply([Create(pod()) for _ in range(1000)])
    assert applied == Applied()
    assert len(list(model.keys(core.Pod))) == 1000
    assert model.most == 64


async def test_the_outcomes_of_creations_together_are_each_their_own() -> None:
    model = Model()
    model.put_new(pod("c"))
    actions = [Create(pod(name), Record(pod(name), "Normal", "Made", "Made {name}")) for name in "abcdef"]
    applied = await applier(model).apply(actions)
    assert isinstance(applied.error, AlreadyExists)
    assert [key.name for key in model.keys(core.Pod)] == ["a", "b", "c"]
    assert [event.message for event in model.events] == ["Made a", "Made b"]


@pytest.mark.parametrize("before", [0, 3])
async def test_a_write_without_answer_is_given_up(before: int) -> None:
    actions: list[Action] = [*(Create(pod()) for _ in range(before)), Create(pod("stuck")), Create(pod())]
    applied = await applier(Slow(), ApplySettings(write_timeout_s=0.01)).apply(actions)
    assert isinstance(applied.error, Timeout)
    assert applied.failure is None

"""Each write while its connection breaks: before the request has reached the server, and after it was carried
out. Nothing is done twice, and the caller learns what can be known."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass

import pytest
from google.protobuf.message import Message

from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, NODE, POD, Kind
from knarr.client import Ambiguous, Client
from knarr.client.references import metadata_of
from knarr.client.sending import Request, Settle
from knarr.errors import ApiError
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.proxy import Proxy, proxy_to
from tests.support.served import ServedApi, served_api

NAMESPACE = "default"


class Reader(Client):
    """Tells when it has read something."""

    on_read: Callable[[], object] | None = None

    async def send(
        self, request: Request, *, settle: Settle | None = None, timeout_s: float | None = None
    ) -> wire.ObjectResponse:
        answer = await super().send(request, settle=settle, timeout_s=timeout_s)
        on_read = self.on_read
        if on_read is not None and isinstance(request, wire.GetRequest):
            self.on_read = None
            on_read()
            await asyncio.sleep(0)  # what that began has begun
        return answer


class Writer:
    """A client whose connection breaks when the test says so, and a count of what was done in truth."""

    def __init__(self, api: ServedApi, proxy: Proxy, client: Reader, sure: Client) -> None:
        self.client = client
        self.sure = sure  # not through the proxy
        self._api = api
        self._proxy = proxy
        self._done: dict[str, list[str]] = {}

    def count(self, kind: Kind) -> None:
        """Begin to count the changes of a kind."""
        done = self._done[kind.name] = []
        known = {name: version for _, name, version in self._versions(kind)}
        self._api.world.objects.subscribe_records(
            kind,
            lambda changes: done.extend(
                str(change.version)
                for change in changes
                if change.current is None or known.get(change.current.name) != change.current.version
            ),
        )

    def _versions(self, kind: Kind) -> list[tuple[str, str, int]]:
        return [
            (record.namespace, record.name, record.version)
            for record in self._api.world.objects.records(kind)
        ]

    def done(self, kind: Kind) -> int:
        """How many changes of the kind there were since."""
        return len(self._done[kind.name])

    async def lose_answer(self, act: Awaitable[object], *, reads: bool, refuse: bool = False) -> object:
        """Make a write, which `reads` before, and lose its first answer: its result, or the ApiError. With
        `refuse` there is no connection afterwards."""

        async def disturb() -> None:
            await self._proxy.swallow_answer()
            if refuse:
                self._proxy.refuse()

        return await self._disturbed(disturb, act, reads)

    async def lose_request(self, act: Awaitable[object], *, reads: bool) -> object:
        """Make a write, which `reads` before, and lose its request before the server has it."""
        return await self._disturbed(self._proxy.drop_request, act, reads)

    async def _disturbed(
        self, disturb: Callable[[], Coroutine[None, None, None]], act: Awaitable[object], reads: bool
    ) -> object:
        await self.client.server_info()  # the connection stands
        async with asyncio.TaskGroup() as tasks:

            def begin() -> None:
                tasks.create_task(disturb(), name="disturb")

            if reads:
                self.client.on_read = begin
            else:
                begin()
                await asyncio.sleep(0)
            try:
                return await act
            except ApiError as error:
                return error


@contextlib.asynccontextmanager
async def writer() -> AsyncIterator[Writer]:
    async with (
        served_api() as api,
        proxy_to(api.address) as proxy,
        Reader.connect([proxy.endpoint], timeout_s=10.0) as client,
        Client.connect([api.address], timeout_s=10.0) as sure,
    ):
        yield Writer(api, proxy, client, sure)


def config_map(name: str = "c", **data: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace=NAMESPACE), data=data)


def node(name: str = "alpha") -> core.Node:
    return core.Node(metadata=meta.ObjectMeta(name=name))


def pod(name: str = "p") -> core.Pod:
    made = core.Pod(metadata=meta.ObjectMeta(name=name, namespace=NAMESPACE))
    made.spec.containers.add(name="c", image="i:1")
    return made


def deployment(name: str = "d") -> apps.Deployment:
    made = apps.Deployment(metadata=meta.ObjectMeta(name=name, namespace=NAMESPACE))
    made.spec.replicas = 1
    made.spec.selector.matchLabels["app"] = "d"
    made.spec.template.metadata.labels["app"] = "d"
    made.spec.template.spec.containers.add(name="c", image="i:1")
    return made


Act = Callable[[Client, Message], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Case:
    """A write: of what, how, and what the caller learns when the request or the answer is lost."""

    made: Message
    act: Act
    request_lost: type | None  # an error, or None: it is done by another try
    answer_lost: type | None  # an error, or None: the caller learns that it was done
    kind: Kind = CONFIG_MAP
    exists: bool = True
    changes: int = 1  # of the object, when it is done once
    reads: bool = False  # before it writes


def changed(obj: Message) -> core.ConfigMap:
    assert isinstance(obj, core.ConfigMap)
    obj.data["new"] = "1"
    return obj


def unversioned(obj: Message) -> core.ConfigMap:
    """Without what makes an update conditional."""
    metadata_of(obj).resourceVersion = ""
    return changed(obj)


async def set_new(client: Client, obj: Message) -> object:
    def fn(found: core.ConfigMap) -> None:
        found.data["new"] = "1"

    return await client.change(core.ConfigMap, NAMESPACE, "c", fn)


async def count_up(client: Client, obj: Message) -> object:
    def fn(found: core.ConfigMap) -> None:
        found.data["count"] = str(int(found.data["count"]) + 1)

    return await client.change(core.ConfigMap, NAMESPACE, "c", fn)


def as_pod(obj: Message) -> core.Pod:
    assert isinstance(obj, core.Pod)
    return obj


def version(obj: Message) -> str:
    return metadata_of(obj).resourceVersion


MERGE = wire.PatchRequest.MERGE
JSON = wire.PatchRequest.JSON
THERE = config_map(count="1")
CASES: dict[str, Case] = {
    "create": Case(
        config_map(), lambda client, obj: client.create(config_map()), Ambiguous, Ambiguous, exists=False
    ),
    "create that knows its own": Case(
        config_map(),
        lambda client, obj: client.create(
            config_map(token="77"), mine=lambda found: found.data["token"] == "77"
        ),
        Ambiguous,
        None,
        exists=False,
    ),
    "update": Case(THERE, lambda client, obj: client.update(unversioned(obj)), Ambiguous, Ambiguous),
    "update of a version": Case(THERE, lambda client, obj: client.update(changed(obj)), None, Ambiguous),
    "change": Case(THERE, set_new, None, None, reads=True),
    "change that adds up": Case(THERE, count_up, None, Ambiguous, reads=True),
    "patch": Case(
        THERE,
        lambda client, obj: client.patch(core.ConfigMap, NAMESPACE, "c", {"data": {"new": "1"}}),
        Ambiguous,
        Ambiguous,
    ),
    "merge patch of a version": Case(
        THERE,
        lambda client, obj: client.patch(
            core.ConfigMap,
            NAMESPACE,
            "c",
            {"metadata": {"resourceVersion": version(obj)}, "data": {"new": "1"}},
            MERGE,
        ),
        None,
        Ambiguous,
    ),
    "JSON patch of a version": Case(
        THERE,
        lambda client, obj: client.patch(
            core.ConfigMap,
            NAMESPACE,
            "c",
            [
                {"op": "test", "path": "/metadata/resourceVersion", "value": version(obj)},
                {"op": "add", "path": "/data/new", "value": "1"},
            ],
            JSON,
        ),
        None,
        Ambiguous,
    ),
    "apply": Case(
        THERE,
        lambda client, obj: client.apply(core.ConfigMap, NAMESPACE, "c", {"data": {"new": "1"}}),
        Ambiguous,
        None,
    ),
    "apply of a version": Case(
        THERE,
        lambda client, obj: client.apply(
            core.ConfigMap,
            NAMESPACE,
            "c",
            {"metadata": {"resourceVersion": version(obj)}, "data": {"new": "1"}},
        ),
        None,
        None,
    ),
    "delete": Case(THERE, lambda client, obj: client.delete(core.ConfigMap, NAMESPACE, "c"), Ambiguous, None),
    "delete of a uid": Case(
        THERE,
        lambda client, obj: client.delete(core.ConfigMap, NAMESPACE, "c", uid=metadata_of(obj).uid),
        None,
        None,
    ),
    "delete of a collection": Case(
        THERE, lambda client, obj: client.delete_collection(core.ConfigMap, NAMESPACE), Ambiguous, Ambiguous
    ),
    "status": Case(node(), lambda client, obj: client.update_status(phased(obj)), None, Ambiguous, NODE),
    "scale": Case(
        deployment(),
        lambda client, obj: client.scale(apps.Deployment, NAMESPACE, "d", 3),
        None,
        None,
        DEPLOYMENT,
        reads=True,
    ),
    "bind": Case(pod(), lambda client, obj: client.bind(as_pod(obj), "alpha"), None, None, POD),
    "evict": Case(pod(), lambda client, obj: client.evict(as_pod(obj)), None, None, POD, changes=2),
}


def phased(obj: Message) -> core.Node:
    assert isinstance(obj, core.Node)
    obj.status.phase = "Running"
    return obj


async def prepared(world: Writer, case: Case) -> Message:
    copy = type(case.made)()
    copy.CopyFrom(case.made)
    made = await world.sure.create(copy) if case.exists else copy
    world.count(case.kind)
    return made


def check(outcome: object, expected: type | None) -> None:
    if expected is None:
        assert not isinstance(outcome, ApiError), outcome
    else:
        assert type(outcome) is expected, outcome


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_request_is_lost(case: Case) -> None:
    async with writer() as world:
        obj = await prepared(world, case)
        outcome = await world.lose_request(case.act(world.client, obj), reads=case.reads)
        check(outcome, case.request_lost)
        assert world.done(case.kind) == (0 if isinstance(outcome, Ambiguous) else case.changes)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_answer_is_lost(case: Case) -> None:
    async with writer() as world:
        obj = await prepared(world, case)
        outcome = await world.lose_answer(case.act(world.client, obj), reads=case.reads)
        check(outcome, case.answer_lost)
        assert world.done(case.kind) == case.changes


async def test_a_write_is_in_doubt_when_nobody_can_be_asked_about_it() -> None:
    async with writer() as world:
        made = await prepared(world, CASES["apply"])
        act = CASES["apply"].act(world.client, made)
        outcome = await world.lose_answer(act, reads=False, refuse=True)
        assert type(outcome) is Ambiguous
        assert str(outcome).startswith('apply of ConfigMap "default/c" may have been done or not: ')
        assert world.done(CONFIG_MAP) == 1

"""Whatever two replicas do at the same time, no two Services hold the same, and nothing is lost for good."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.allocation import AllocationRepair
from control_plane.api.allocation.holdings import CLAIMS, held
from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import DeleteOptions
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api import kinds
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import create, service
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.lossy import LostAnswers
from tests.support.waiting import until

# So few of each that they run out.
SETTINGS = ApiSettings(service_addresses="10.0.0.0/28", node_ports=(30_000, 30_003))
NAMES = ("a", "b", "c", "d")
TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")


@dataclass(frozen=True)
class Make:
    name: str
    type: str
    port: int  # a node port that is chosen; 0: none is


@dataclass(frozen=True)
class Change:
    name: str
    type: str


@dataclass(frozen=True)
class Remove:
    name: str


Step = Make | Change | Remove

_names, _types = st.sampled_from(NAMES), st.sampled_from(TYPES)
_steps = st.one_of(
    st.builds(Make, _names, _types, st.sampled_from((0, 0, 30_000, 30_001))),
    st.builds(Change, _names, _types),
    st.builds(Remove, _names),
)
_rounds = st.lists(st.lists(st.tuples(st.booleans(), _steps), min_size=1, max_size=6), min_size=1, max_size=6)


async def do(world: ApiWorld, step: Step) -> None:
    """Do a step, or be refused."""
    work: Awaitable[Any]
    match step:
        case Make(name, type_, port):
            given_ = service(name, 80, type=type_, externalName="example.com")
            given_.spec.ports[0].nodePort = port
            work = create(world, given_)
        case Change(name, type_):

            def retype(obj: Any) -> Any:
                obj.spec.type = type_
                return obj

            work = world.api.change(kinds.SERVICE, "default", name, retype, OPTIONS)
        case Remove(name):
            work = world.api.delete(kinds.SERVICE, "default", name, DeleteOptions())
    with contextlib.suppress(ApiError):
        await work


async def check(world: ApiWorld, *, exact: bool) -> None:
    """No key is held twice, and each that is held is claimed; when `exact`, no other is."""
    services = await world.api.storage.newest_all(kinds.SERVICE, "default")
    holdings = Counter(key for each in services if isinstance(each, core.Service) for key in held(each))
    assert not [key for key, count in holdings.items() if count > 1]
    claims = {record.key for record in (await world.store.list(CLAIMS)).records}
    assert holdings.keys() <= claims
    assert not exact or claims == set(holdings)


async def caught_up(world: ApiWorld) -> None:
    """Return once the cache shows the services that are stored."""
    stored = {record.version for record in (await world.store.list(kinds.SERVICE.prefix)).records}
    await until(
        lambda: {each.version for each in world.objects.records(kinds.SERVICE)} == stored, "the cache"
    )


@settings(max_examples=60, deadline=None)
@given(rounds=_rounds, seed=st.integers(0, 1000), lossy=st.booleans())
async def test_claims_and_services_agree(
    rounds: Sequence[Sequence[tuple[bool, Step]]], seed: int, lossy: bool
) -> None:
    backend, faults = MemoryBackend(), LostAnswers(seed)
    async with (
        api_world(MemoryStore(backend, faults), settings=SETTINGS, seed=1) as first,
        api_world(MemoryStore(backend, faults), settings=SETTINGS, seed=2) as second,
    ):
        for round_ in rounds:
            faults.on = lossy
            await asyncio.gather(*(do(first if at_first else second, step) for at_first, step in round_))
            faults.on = False
            await check(first, exact=not lossy)
        await caught_up(first)
        await AllocationRepair(first.objects, first.api.storage, random.Random(seed)).once()
        await check(first, exact=True)

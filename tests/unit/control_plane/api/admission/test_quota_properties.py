"""Whatever two replicas write at the same time, a quota knows what is used, and it is never too much."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.admission.quotas import Account
from control_plane.objects.interface import DeleteOptions
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import claim, container, create, made, pod_of, quota, service
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.lossy import LostAnswers
from tests.support.waiting import until

HARD = {
    "all": {
        "pods": "4",
        "count/pods": "6",
        "requests.cpu": "1",
        "count/configmaps": "2",
        "services": "3",
        "services.nodeports": "2",
        "requests.storage": "5Gi",
    },
    "best-effort": {"pods": "2"},
}
NAMES = ("a", "b", "c")
COUNTED = (kinds.POD, kinds.CONFIG_MAP, kinds.SERVICE, kinds.PERSISTENT_VOLUME_CLAIM)


@dataclass(frozen=True)
class Make:
    """A new object: a pod that requests so many tenths of a CPU, a claim of so many gibibytes, …"""

    kind: Kind
    name: str
    size: int


@dataclass(frozen=True)
class Change:
    """A pod ends, a claim grows, a service changes its type, a config map has nothing that counts."""

    kind: Kind
    name: str
    size: int


@dataclass(frozen=True)
class Remove:
    kind: Kind
    name: str


Step = Make | Change | Remove

_kinds, _names, _sizes = st.sampled_from(COUNTED), st.sampled_from(NAMES), st.integers(0, 6)
_steps = st.one_of(
    st.builds(Make, _kinds, _names, _sizes),
    st.builds(Make, _kinds, _names, _sizes),
    st.builds(Change, _kinds, _names, _sizes),
    st.builds(Remove, _kinds, _names),
)
# Rounds of what is done at the same time, each by one of the two.
_rounds = st.lists(st.lists(st.tuples(st.booleans(), _steps), min_size=1, max_size=8), min_size=1, max_size=6)


def new(step: Make) -> Any:
    match step.kind.name:
        case "Pod":
            return pod_of(step.name, container(requests={"cpu": f"{step.size}00m"}))
        case "Service":
            return service(step.name, 80, type="NodePort" if step.size % 2 else "ClusterIP")
        case "PersistentVolumeClaim":
            return claim(step.name, f"{step.size + 1}Gi")
    return made(core.ConfigMap, step.name)


def changed(size: int) -> Callable[[Any], Any]:
    def change(obj: Any) -> Any:
        match obj:
            case core.Pod():
                obj.status.phase = "Succeeded" if size % 2 else "Running"
            case core.Service():
                obj.spec.type = "NodePort" if size % 2 else "ClusterIP"
            case core.PersistentVolumeClaim():
                obj.spec.resources.requests["storage"].string = f"{size + 1}Gi"
            case _:
                obj.data["size"] = str(size)
        return obj

    return change


def bound(obj: Any) -> Any:
    obj.status.phase = "Bound"
    return obj


async def do(world: ApiWorld, step: Step) -> None:
    """Do a step, or be refused."""
    api, options = world.api, DeleteOptions(grace_period_s=0)
    work: Awaitable[Any]
    if isinstance(step, Change) and step.kind is kinds.PERSISTENT_VOLUME_CLAIM:
        with contextlib.suppress(ApiError):  # only bound claims may grow
            await api.change(step.kind, "default", step.name, bound, OPTIONS, subresource="status")
    match step:
        case Make():
            work = create(world, new(step))
        case Change(kind, name, size):
            subresource = "status" if kind is kinds.POD else ""
            work = api.change(kind, "default", name, changed(size), OPTIONS, subresource=subresource)
        case Remove(kind, name):
            work = api.delete(kind, "default", name, options)
    with contextlib.suppress(ApiError):
        await work


@contextlib.asynccontextmanager
async def replicas(seed: int) -> AsyncIterator[tuple[ApiWorld, ApiWorld, LostAnswers]]:
    backend, faults = MemoryBackend(), LostAnswers(seed)
    async with (
        api_world(MemoryStore(backend, faults), seed=1) as first,
        api_world(MemoryStore(backend, faults), seed=2) as second,
    ):
        await create(first, quota("all", HARD["all"]))
        await create(first, quota("best-effort", HARD["best-effort"], scopes=["BestEffort"]))
        await until(lambda: len(second.objects.list(core.ResourceQuota)) == 2, "the quotas")
        yield first, second, faults


async def check(world: ApiWorld) -> None:
    """What the quotas say is what a count of everything says, and within the limits."""
    objects = [(kind, obj) for kind in COUNTED for obj in await world.api.storage.newest_all(kind, "default")]
    for name, hard in HARD.items():
        stored = await world.api.get(kinds.RESOURCE_QUOTA, "default", name)
        assert isinstance(stored, core.ResourceQuota)
        told = Account(stored, 0)
        if not stored.status.used:
            continue  # nobody has needed it yet
        counted = Account(stored, 0)
        counted.clear()
        for kind, obj in objects:
            counted.add(kind, obj)
        assert told.used == counted.used
        assert all(told.used[each] <= told.hard[each] for each in hard)


@settings(max_examples=100, deadline=None)
@given(rounds=_rounds, seed=st.integers(0, 1000), lossy=st.booleans())
async def test_used_is_exact_and_never_above_the_limit(
    rounds: Sequence[Sequence[tuple[bool, Step]]], seed: int, lossy: bool
) -> None:
    async with replicas(seed) as (first, second, faults):
        for round_ in rounds:
            faults.on = lossy
            await asyncio.gather(*(do(first if at_first else second, step) for at_first, step in round_))
            faults.on = False
            await check(first)

"""What the scheduler remembers of free volumes is what a fresh look would find."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.scheduler.storage import Asked, Storage
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.unit.control_plane.scheduler.tables.test_volumes_table import LOCAL, claim, volume

CLAIMS = ("x", "y", "z")
VOLUMES: list[Callable[[str], core.PersistentVolume | None]] = [
    lambda name: None,
    lambda name: volume(name, "a"),
    lambda name: volume(name, "b", size="3Gi"),
    lambda name: volume(name, "a", claim="x", taken=True),
    lambda name: volume(name, "b", claim="y"),
    lambda name: volume(name, "a", storageClassName="fast"),
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("volume"), st.sampled_from("uvw"), st.integers(0, len(VOLUMES) - 1)),
        st.tuples(st.just("claim"), st.sampled_from(CLAIMS), st.sampled_from((0, 1, 2))),
        st.tuples(st.just("keep"), st.sampled_from("pq"), st.sampled_from((0, 1, 2))),
        st.tuples(st.just("give back"), st.sampled_from("pq"), st.just(0)),
    ),
    max_size=25,
)


def known(volumes: dict[str, core.PersistentVolume], claims: dict[str, int]) -> Storage:
    made = Storage()
    made.put_class(LOCAL, storage.StorageClass(volumeBindingMode="WaitForFirstConsumer"))
    for name, each in volumes.items():
        made.put_volume(name, each)
    for name, size in claims.items():
        made.put_claim(("default", name), claim(name, size=f"{size + 1}Gi"))
    return made


def told(asked: Asked) -> tuple[str, list[str], list[list[str]]]:
    return asked.problem, [v.name for v in asked.bound], [[v.name for v in some] for _, some in asked.open]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_remembered_is_what_a_fresh_look_finds(steps: list[tuple[str, str, int]]) -> None:
    volumes: dict[str, core.PersistentVolume] = {}
    claims: dict[str, int] = {}
    kept: dict[str, list[tuple[tuple[str, str], str]]] = {}
    remembering = known({}, {})
    for what, name, which in steps:
        if what == "volume":
            made = VOLUMES[which](name)
            remembering.put_volume(name, made)
            volumes.pop(name, None)
            if made is not None:
                volumes[name] = made
        elif what == "claim":
            claims[name] = which
            remembering.put_claim(("default", name), claim(name, size=f"{which + 1}Gi"))
        elif what == "keep" and name not in kept:
            asked = remembering.asked("default", (CLAIMS[which],))
            kept[name] = [(of, some[0].name) for of, some in asked.open if some] + list(asked.promised)
            remembering.keep(name, kept[name])
        elif what == "give back":
            remembering.give_back(name)
            kept.pop(name, None)
        fresh = known(volumes, claims)
        for pod, chosen in kept.items():
            fresh.keep(pod, chosen)
        for each in CLAIMS:
            assert told(remembering.asked("default", (each,))) == told(fresh.asked("default", (each,)))

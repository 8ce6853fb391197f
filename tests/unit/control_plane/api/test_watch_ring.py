"""The ring of recent changes: resuming anywhere in it, forgetting within its bounds, encoding once."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.api.watching.ring import Ring
from control_plane.objects.records import CachedRecord, RecordChange, RecordReader
from knarr.api.kinds import CONFIG_MAP
from knarr.proto.kubernetes import core_v1_pb2 as core

READER = RecordReader(CONFIG_MAP)


def change(version: int, size: int = 10) -> RecordChange:
    record = CachedRecord("default", "c", b"x" * size, version, (), "")
    return RecordChange(READER, version, record, None)


def versions(ring: Ring, place: int, most: int = 100) -> list[int] | None:
    entries = ring.read(place, most, 10**9)
    return None if entries is None else [entry.version for entry in entries]


def test_a_watch_goes_on_after_any_version() -> None:
    ring = Ring(10, 10_000)
    ring.begin(100)
    ring.push([change(128), change(129), change(192)])
    assert versions(ring, ring.place_after(100)) == [128, 129, 192]
    assert versions(ring, ring.place_after(128)) == [129, 192]
    assert versions(ring, ring.place_after(191)) == [192]
    assert versions(ring, ring.place_after(192)) == []
    assert versions(ring, ring.place_after(1_000)) == []
    assert versions(ring, ring.place_after(100), most=2) == [128, 129]
    assert ring.newest == 192


def test_places_are_lost_when_the_ring_begins_anew() -> None:
    ring = Ring(10, 10_000)
    ring.begin(100)
    ring.push([change(128)])
    places = [ring.place_after(100), ring.end]
    ring.begin(200)
    assert [versions(ring, place) for place in places] == [None, None]
    assert all(ring.end > place for place in places)
    ring.push([change(256)])
    assert versions(ring, ring.place_after(200)) == [256]


def test_what_was_before_the_ring_began_is_not_covered() -> None:
    ring = Ring(10, 10_000)
    ring.begin(100)
    assert ring.covers(100)
    assert not ring.covers(99)


def test_a_place_is_lost_when_it_is_forgotten() -> None:
    ring = Ring(8, 10_000)
    ring.begin(0)
    start = ring.end
    for version in range(1, 10):
        ring.push([change(version)])
    assert versions(ring, start) is None
    assert not ring.covers(0)
    assert ring.covers(ring.floor)
    assert versions(ring, ring.place_after(ring.floor)) == list(range(ring.floor + 1, 10))


def test_bytes_are_bounded_too() -> None:
    ring = Ring(1_000, 100)
    ring.begin(0)
    ring.push([change(1, 60), change(2, 60), change(3, 500)])
    assert versions(ring, ring.end) == []
    assert ring.floor == 3


def test_what_is_read_at_once_is_bounded_in_bytes() -> None:
    ring = Ring(10, 10_000)
    ring.begin(0)
    ring.push([change(1, 60), change(2, 60), change(3, 500)])
    sizes = []
    place = ring.place_after(0)
    while entries := ring.read(place, 10, 130) or ():
        sizes.append([entry.size for entry in entries])
        place += len(entries)
    assert sizes == [[60, 60], [500]]


def test_an_object_is_encoded_once_for_all() -> None:
    obj = core.ConfigMap(data={"a": "b"})
    record = CachedRecord("default", "c", obj.SerializeToString(), 5, (), "")
    ring = Ring(10, 10_000)
    ring.push([RecordChange(READER, 5, record, record)])
    (entry,) = ring.read(0, 1, 100) or ()
    assert entry.current(record) is entry.current(record)
    assert core.ConfigMap.FromString(entry.previous(record)).metadata.resourceVersion == "5"


@given(
    sizes=st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), max_size=30),
    longest=st.integers(1, 12),
    most_bytes=st.integers(20, 300),
)
def test_nothing_is_passed_over_unnoticed(sizes: list[list[int]], longest: int, most_bytes: int) -> None:
    """A reader gets every change in order, or is told that it has lost its place; what is kept is bounded."""
    ring = Ring(longest, most_bytes)
    ring.begin(0)
    version, seen, place = 0, 0, ring.end
    for number, batch in enumerate(sizes):
        changes = []
        for size in batch:
            version += 1
            changes.append(change(version, size))
        ring.push(changes)
        kept = ring.read(ring.place_after(ring.floor), 10_000, 10**9) or ()
        assert len(kept) <= longest
        assert sum(entry.size for entry in kept) <= most_bytes
        assert [entry.version for entry in kept] == list(range(ring.floor + 1, version + 1))
        if number % 3:
            continue
        entries = ring.read(place, 2, 40)
        if entries is None:
            assert ring.floor > seen
            seen, place = ring.floor, ring.place_after(ring.floor)
            continue
        for entry in entries:
            assert entry.version == seen + 1
            seen += 1
        place += len(entries)

"""A namespace's records are listed by name, whatever came and went before, and a list is of one moment."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from control_plane.objects.records import CachedRecord
from control_plane.objects.space import PIECE, Space

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("put", "put", "many", "remove", "list")), st.integers(0, 40), st.integers(1, 700)
    ),
    max_size=30,
)


def record(name: str, version: int = 1) -> CachedRecord:
    return CachedRecord("default", name, b"", version, (), "")


def flat(pieces: Sequence[Sequence[CachedRecord]]) -> list[CachedRecord]:
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    return [each for piece in pieces for each in piece]


@given(STEPS)
def test_what_is_listed_is_what_was_there_at_that_moment(steps: list[tuple[str, int, int]]) -> None:
    space, there = Space(), dict[str, CachedRecord]()
    lists: list[tuple[Sequence[Sequence[CachedRecord]], list[CachedRecord]]] = []
    for version, (step, number, count) in enumerate(steps):
        names = [f"n{number:03}"] if step != "many" else [f"n{number:03}-{at:03}" for at in range(count)]
        if step == "list":
            lists.append((space.ordered(), [there[each] for each in sorted(there)]))
            continue
        for name in names:
            if step != "remove":
                there[name] = record(name, version)
                space.put(there[name])
            elif name in there:
                del there[name]
                space.remove(name)
        assert len(space) == len(there)
    lists.append((space.ordered(), [there[each] for each in sorted(there)]))
    for pieces, wanted in lists:
        assert flat(pieces) == wanted
    assert sorted(space, key=lambda each: each.name) == lists[-1][1]
    assert all(space.get(name) is each for name, each in there.items())


def test_names_in_order_fill_their_pieces() -> None:
    space = Space()
    for number in range(10 * PIECE):
        space.put(record(f"{number:06}"))
    assert [len(piece) for piece in space.ordered()] == [PIECE] * 10


def test_a_namespace_that_is_emptied_can_be_filled_again() -> None:
    space = Space()
    names = [f"{number * 7_919 % 10_007:05}" for number in range(3 * PIECE)]
    for _ in range(2):
        for name in names:
            space.put(record(name))
        assert [each.name for each in flat(space.ordered())] == sorted(names)
        for name in names:
            space.remove(name)
        assert space.ordered() == []
        assert space.get(names[0]) is None

"""What a client knows after lists and events: the steps tell just what became of it."""

from hypothesis import given
from hypothesis import strategies as st

from knarr.client.known import ChangeType, Key, Known, Seen, Step

A, B = ("ns", "a"), ("ns", "b")


def seen(key: Key, value: str, uid: str = "1") -> Seen:
    return Seen(key, uid, f"{uid}:{value}".encode())


def known(*objects: Seen) -> Known:
    result = Known()
    for each in objects:
        result.put(each)
    return result


def test_the_first_sight_of_an_object_is_added() -> None:
    assert known().put(seen(A, "x")) == [Step(ChangeType.ADDED, A, b"1:x", None)]


def test_the_same_again_is_no_step() -> None:
    assert known(seen(A, "x")).put(seen(A, "x")) == []


def test_another_state_is_modified() -> None:
    assert known(seen(A, "x")).put(seen(A, "y")) == [Step(ChangeType.MODIFIED, A, b"1:y", b"1:x")]


def test_another_object_of_the_name_is_deleted_and_added() -> None:
    assert known(seen(A, "x")).put(seen(A, "x", "2")) == [
        Step(ChangeType.DELETED, A, b"1:x", b"1:x"),
        Step(ChangeType.ADDED, A, b"2:x", None),
    ]


def test_a_deletion_tells_the_last_state() -> None:
    world = known(seen(A, "x"))
    assert world.drop(A, b"1:last") == [Step(ChangeType.DELETED, A, b"1:last", b"1:x")]
    assert world.drop(A, b"1:last") == []
    assert world.get(A) is None


def test_a_list_tells_what_was_missed() -> None:
    world = known(seen(A, "x"), seen(B, "x"))
    assert list(world.replace([seen(B, "y")])) == [
        Step(ChangeType.DELETED, A, b"1:x", b"1:x"),
        Step(ChangeType.MODIFIED, B, b"1:y", b"1:x"),
    ]


KEYS = st.tuples(st.sampled_from(["n", "m"]), st.sampled_from("abc"))
SEEN = st.builds(seen, KEYS, st.sampled_from("xy"), st.sampled_from("12"))
LISTS = st.lists(SEEN, max_size=5, unique_by=lambda each: each.key)
ACTS = st.one_of(SEEN, KEYS, LISTS)


@given(st.lists(ACTS, max_size=20))
def test_who_follows_the_steps_has_what_is_known(acts: list[Seen | Key | list[Seen]]) -> None:
    world, told = Known(), dict[Key, bytes]()
    for act in acts:
        match act:
            case Seen():
                steps = world.put(act)
                assert world.get(act.key) == act.value
            case list():
                steps = list(world.replace(act))
                assert {key: world.get(key) for key in world} == {each.key: each.value for each in act}
            case _:
                steps = world.drop(act)
                assert world.get(act) is None
        for step in steps:
            assert told.get(step.key) == step.previous
            if step.type is ChangeType.DELETED:
                del told[step.key]
            else:
                assert (step.type is ChangeType.ADDED) == (step.key not in told)
                told[step.key] = step.value
        assert told == {key: world.get(key) for key in world}
        assert len(world) == len(told)

"""The queue: who is tried next, who waits for what, and that nobody is forgotten or starved."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.scheduler.decisions import PendingPod, Unschedulable
from control_plane.scheduler.framework import Cause
from control_plane.scheduler.queue import Queue
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.shaping import Shapes
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_pod

SETTINGS = SchedulerSettings(backoff_first_s=1.0, backoff_most_s=10.0, flush_s=300.0)
SHAPES = Shapes()
NEVER = Cause(0)


def waiting(name: str, priority: int = 0, app: str = "a", uid: str = "") -> PendingPod:
    pod = make_pod(name, priority=priority, labels={"app": app})
    return PendingPod(f"default/{name}", uid or f"uid-{name}", SHAPES.of(pod))


def refusal(pod: PendingPod) -> Unschedulable:
    return Unschedulable(pod, 1, (), Cause.ANY, NEVER)


def make_queue() -> Queue:
    return Queue(SETTINGS, random.Random(7))


def names(pods: list[PendingPod]) -> list[str]:
    return [pod.key.removeprefix("default/") for pod in pods]


def take(queue: Queue, limit: int) -> list[PendingPod]:
    return queue.take(lambda _: limit)


def take_and_place(queue: Queue, limit: int = 10) -> list[str]:
    taken = take(queue, limit)
    if taken:
        queue.settle(taken[0].shape, [pod.key for pod in taken], None, 0.0)
    return names(taken)


def take_and_refuse(queue: Queue, now: float, limit: int = 10) -> Shape:
    taken = take(queue, limit)
    queue.settle(taken[0].shape, [], refusal(taken[0]), now)
    return taken[0].shape


def test_highest_priority_first_then_oldest() -> None:
    queue = make_queue()
    for pod in (waiting("old", 1, "x"), waiting("young", 1, "y"), waiting("urgent", 5, "z")):
        queue.add(pod)
    assert [take_and_place(queue) for _ in range(4)] == [["urgent"], ["old"], ["young"], []]


def test_pods_of_one_shape_come_together_in_portions_and_take_turns() -> None:
    queue = make_queue()
    for number in range(5):
        queue.add(waiting(f"a{number}", app="a"))
    queue.add(waiting("b", app="b"))
    queue.add(waiting("a5", app="a"))
    order = [take_and_place(queue, limit=5) for _ in range(3)]
    assert order == [["a0", "a1", "a2", "a3", "a4"], ["b"], ["a5"]]


def test_a_refusal_parks_the_whole_group_and_tells_newcomers() -> None:
    queue = make_queue()
    for number in range(5):
        queue.add(waiting(f"a{number}"))
    take_and_refuse(queue, now=0.0, limit=2)
    assert take(queue, 10) == []
    assert queue.parked == 5
    verdict = queue.add(waiting("late"))
    assert verdict is not None
    assert verdict.pod.key == "default/a0"
    assert take(queue, 10) == []
    assert len(queue) == 6


def test_what_is_left_of_a_group_that_was_placed_in_part_is_parked() -> None:
    queue = make_queue()
    for number in range(3):
        queue.add(waiting(f"a{number}"))
    taken = take(queue, 10)
    queue.settle(taken[0].shape, ["default/a0"], refusal(taken[1]), 0.0)
    assert (len(queue), queue.parked, "default/a0" in queue) == (2, 2, False)


def test_a_woken_group_waits_for_its_back_off_which_doubles_up_to_the_most() -> None:
    queue, now, waits = make_queue(), 0.0, []
    queue.add(waiting("a"))
    for _ in range(6):
        shape = take_and_refuse(queue, now)
        queue.wake(shape, now)
        assert take(queue, 10) == []
        due = queue.next_time()
        assert due is not None
        waits.append(due - now)
        queue.advance(due - 0.001)
        assert take(queue, 10) == []
        queue.advance(due)
        now = due
    for wait, whole in zip(waits, (1, 2, 4, 8, 10, 10), strict=True):
        assert 0.75 * whole <= wait <= whole


def test_a_group_woken_after_its_back_off_is_ready_at_once() -> None:
    queue = make_queue()
    queue.add(waiting("a"))
    queue.wake(take_and_refuse(queue, now=0.0), now=2.0)
    assert take_and_place(queue) == ["a"]


def test_what_nothing_wakes_is_flushed() -> None:
    queue = make_queue()
    queue.add(waiting("a"))
    take_and_refuse(queue, now=10.0)
    assert queue.next_time() == 310.0
    queue.advance(309.9)
    assert take(queue, 10) == []
    queue.advance(310.0)
    assert take_and_place(queue) == ["a"]
    assert queue.next_time() is None


def test_a_pod_whose_binding_failed_rests_alone() -> None:
    queue = make_queue()
    queue.add(waiting("a0"))
    queue.add(waiting("a1"))
    failed = waiting("failed")
    queue.retry(failed, now=0.0)
    assert (queue.resting, "default/failed" in queue) == (1, True)
    assert take_and_place(queue) == ["a0", "a1"]
    queue.advance(1.0)
    assert take_and_place(queue) == ["failed"]
    queue.retry(failed, now=0.0)
    due = queue.next_time()
    assert due is not None
    assert due >= 1.5  # the second failure waits twice as long
    queue.advance(due)
    take_and_place(queue)
    queue.done(failed.key)
    queue.retry(failed, now=0.0)
    assert queue.next_time() is not None
    queue.advance(1.0)
    assert take_and_place(queue) == ["failed"]


def test_a_changed_pod_is_waiting_as_what_it_is_now() -> None:
    queue = make_queue()
    queue.add(waiting("a", app="old"))
    queue.add(waiting("b", app="old"))
    queue.add(waiting("a", app="new"))
    assert [take_and_place(queue), take_and_place(queue)] == [["b"], ["a"]]


def test_the_same_pod_again_changes_nothing_and_another_of_its_name_replaces_it() -> None:
    queue = make_queue()
    for pod in (waiting("a"), waiting("b", app="b"), waiting("a"), waiting("b", app="b", uid="second")):
        queue.add(pod)
    assert [pod.uid for pod in take(queue, 10)] == ["uid-a"]
    assert [pod.uid for pod in take(queue, 10)] == ["second"]


def test_removed_pods_are_gone_wherever_they_waited() -> None:
    queue = make_queue()
    queue.add(waiting("parked", app="p"))
    take_and_refuse(queue, now=0.0)
    queue.add(waiting("ready", app="r"))
    queue.retry(waiting("resting"), now=0.0)
    for name in ("parked", "ready", "resting", "unknown"):
        queue.remove(f"default/{name}")
    queue.advance(1e9)
    assert (len(queue), queue.parked, queue.resting, take(queue, 10)) == (0, 0, 0, [])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 11), st.integers(1, 5)), max_size=60))
def test_nobody_is_lost_or_handed_out_twice(steps: list[tuple[int, int, int]]) -> None:
    """Any sequence of what may happen: in the end every pod that still waits is handed out, once."""
    queue, now, expected = make_queue(), 0.0, dict[str, PendingPod]()
    for action, number, limit in steps:
        now += 0.5
        pod = waiting(f"p{number}", priority=number % 3, app=f"{number % 4}")
        match action:
            case 0 | 1:
                queue.add(pod)
                expected[pod.key] = pod
            case 2:
                queue.remove(pod.key)
                expected.pop(pod.key, None)
            case 3 | 4:
                taken = take(queue, limit)
                assert len({pod.shape for pod in taken}) <= 1
                if taken:
                    placed = taken if action == 3 else taken[: limit // 2]
                    refused = None if len(placed) == len(taken) else refusal(taken[-1])
                    queue.settle(taken[0].shape, [pod.key for pod in placed], refused, now)
                for pod in placed if taken else []:
                    del expected[pod.key]
                    if number % 2:
                        queue.retry(pod, now)
                        expected[pod.key] = pod
            case 5:
                for verdict in queue.verdicts():
                    queue.wake(verdict.pod.shape, now)
            case _:
                queue.advance(now)
        assert len(queue) == len(expected)
    handed_out: list[str] = []
    for _ in range(4):
        now += 1_000.0
        queue.advance(now)
        while taken := take(queue, 3):
            handed_out += [pod.key for pod in taken]
            queue.settle(taken[0].shape, [pod.key for pod in taken], None, now)
    assert sorted(handed_out) == sorted(expected)
    assert len(queue) == 0

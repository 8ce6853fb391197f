"""Whatever happens to a pod's containers: never two of a name, always converging, nothing done twice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node_agent.pods.actions import StopContainer, Wait
from node_agent.pods.desired import DesiredPod, RestartPolicy, spec_hash
from node_agent.pods.history import SANDBOX, History
from node_agent.runtime.interface import Phase, Role
from tests.support.pod_world import World, init, member, wanted

NAMES = ("a", "b")


@st.composite
def pods(draw: st.DrawFn) -> DesiredPod:
    restart = draw(st.sampled_from(RestartPolicy))
    members = [member(name, restart=restart) for name in NAMES[: draw(st.integers(1, 2))]]
    never = restart is RestartPolicy.NEVER
    kinds = {
        "none": [],
        "one": [init("i1", restart=RestartPolicy.NEVER if never else RestartPolicy.ON_FAILURE)],
        "sidecar": [init("s1", restart=RestartPolicy.ALWAYS)],
        "both": [
            init("s1", restart=RestartPolicy.ALWAYS),
            init("i1", restart=RestartPolicy.NEVER if never else RestartPolicy.ON_FAILURE),
        ],
    }
    inits = kinds[draw(st.sampled_from(sorted(kinds)))]
    return wanted(*inits, *members, restart=restart)


# One accident or step: what, to which of the containers there are, with which exit code.
happenings = st.tuples(
    st.sampled_from(("step", "step", "step", "exit", "remove", "forget", "image", "time", "stop halfway")),
    st.integers(0, 7),
    st.sampled_from((0, 1, 137)),
)


def happen(world: World, what: str, which: int, code: int) -> None:
    states = list(world.containers.values())
    chosen = states[which % len(states)] if states else None
    match what:
        case "step":
            for action in world.decide():
                world.perform(action)
        case "stop halfway":  # the agent dies in the middle of what it decided
            for action in world.decide()[: which % 3]:
                world.perform(action)
            world.history = History(started_at=world.now)
        case "exit" if chosen is not None:
            world.end(chosen.id, code)
        case "remove" if chosen is not None:
            world.containers.pop(chosen.id)
        case "forget":  # the agent restarts
            world.history = History(started_at=world.now)
        case "image" if world.pod is not None:
            image = f"app:{which}"
            changed = tuple(
                replace(c, image=image, spec_hash=spec_hash(c.name, image)) if c.role is Role.MEMBER else c
                for c in world.pod.containers
            )
            world.pod = replace(world.pod, containers=changed)
        case "time":
            world.now += which * 60


def misfortune(pod: DesiredPod, story: list[tuple[str, int, int]]) -> World:
    """The world after the story. It asserts by itself that no second container of a name is started."""
    world = World(pod)
    for what, which, code in story:
        # A removed container's number may be used again by an agent that has lost its memory.
        if what in ("forget", "stop halfway") or (what == "remove" and not world.history.attempts):
            world.history = world.history.seen(world.containers.values())
        happen(world, what, which, code)
        names = [state.identity.container for state in world.running()]
        assert len(names) == len(set(names)), names
    return world


@given(pods(), st.lists(happenings, max_size=25))
@settings(max_examples=300, deadline=None)
def test_it_converges_after_any_story(pod: DesiredPod, story: list[tuple[str, int, int]]) -> None:
    world = misfortune(pod, story)
    assert world.settle(), (world.containers, world.decide())
    assert not [action for action in world.decide() if not isinstance(action, Wait)]
    assert world.pod is not None
    running = {s.identity.container: s for s in world.running()}
    if pod.restart is RestartPolicy.ALWAYS:
        sidecars = {c.name for c in pod.inits if c.sidecar}
        assert set(running) == {SANDBOX, *(c.name for c in pod.members), *sidecars}
        for container in world.pod.members:
            assert running[container.name].identity.spec_hash == container.spec_hash
        sandbox = running[SANDBOX].identity.attempt
        assert {state.identity.sandbox for state in running.values()} == {sandbox}


@given(pods(), st.lists(happenings, max_size=25), st.sampled_from(("deleted", "finished", "removed")))
@settings(max_examples=200, deadline=None)
def test_a_pod_that_ends_leaves_nothing_running(
    pod: DesiredPod, story: list[tuple[str, int, int]], how: str
) -> None:
    world = misfortune(pod, story)
    assert world.pod is not None
    if how == "removed":
        world.pod = None
    else:
        world.pod = replace(world.pod, deleted=how == "deleted", finished=how == "finished")
    started = len(world.starts)
    assert world.settle()
    assert world.running() == ()
    assert len(world.starts) == started, "nothing is started in a pod that ends"
    if how == "removed":
        assert world.containers == {}


@given(pods(), st.lists(happenings, max_size=15))
@settings(max_examples=200, deadline=None)
def test_what_is_under_way_is_not_asked_for_again(pod: DesiredPod, story: list[tuple[str, int, int]]) -> None:
    world = misfortune(pod, story)
    assert world.pod is not None
    world.pod = replace(world.pod, deleted=True)
    first = world.decide()
    for action in first:
        if isinstance(action, StopContainer):
            # The stop goes on: the container still runs.
            kill_at = world.now + action.grace_s
            world.history = world.history.stop_began(action.container_id, kill_at, action.replacing)
    again = world.decide()
    assert not [action for action in again if isinstance(action, StopContainer)]


@given(st.lists(happenings, max_size=25))
@settings(max_examples=150, deadline=None)
def test_a_pod_that_never_restarts_runs_each_container_once(story: list[tuple[str, int, int]]) -> None:
    """As long as its containers are not removed and the agent keeps its memory."""
    kept = [(what, which, code) for what, which, code in story if what in ("step", "exit", "time")]
    world = misfortune(wanted(member("a", restart=RestartPolicy.NEVER), restart=RestartPolicy.NEVER), kept)
    world.settle()
    assert len([s for s in world.starts if s.identity.container == "a"]) <= 1


@pytest.mark.parametrize("code", [0, 1])
def test_a_job_ends_and_its_sandbox_too(code: int) -> None:
    world = World(wanted(member("a", restart=RestartPolicy.NEVER), restart=RestartPolicy.NEVER))
    world.settle()
    world.end("a-0", code)
    assert world.settle()
    assert [s.phase for s in world.containers.values()] == [Phase.EXITED, Phase.EXITED]

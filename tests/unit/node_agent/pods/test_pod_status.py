"""What is reported of pods, as tables: phase, container states and conditions as the kubelet reports them."""

from dataclasses import replace

import pytest

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods.desired import desired
from node_agent.pods.facts import NodeFacts
from node_agent.pods.history import Ended, History
from node_agent.pods.status import merged, status
from node_agent.runtime.interface import ContainerState, Phase, Role
from tests.support.pod_world import START, container, infra
from tests.support.pods import deleted, pod

NODE = NodeFacts("node-a", "192.0.2.7", 2000, 1 << 30)
NOW = START + 2
EXITED, CREATED = Phase.EXITED, Phase.CREATED
EMPTY = History(started_at=START)


def base(
    restart: str = "Always", *, names: tuple[str, ...] = ("main",), inits: tuple[str, ...] = ()
) -> core.Pod:
    made = pod(uid="uid-1", restart=restart, image="app:1")
    del made.spec.containers[:]
    for name in names:
        made.spec.containers.add(name=name, image="app:1")
    for name in inits:
        made.spec.initContainers.add(name=name, image="app:1")
    return made


def report(
    wanted: core.Pod, *observed: ContainerState, history: History = EMPTY, now: float = NOW
) -> core.PodStatus:
    return status(wanted, desired(wanted), observed, history.seen(observed), NODE, now)


NEVER, ON_FAILURE = base("Never"), base("OnFailure")
TWO_NEVER = base("Never", names=("main", "side"))
WITH_INIT = base(inits=("setup",))
NEVER_INIT = base("Never", inits=("setup",))
SETUP = container("setup", EXITED, role=Role.INIT)
SETUP_FAILED = container("setup", EXITED, exit_code=1, role=Role.INIT)

PHASES = {
    "nothing yet": (base(), (), "Pending"),
    "a sandbox": (base(), (infra(),), "Pending"),
    "created": (base(), (infra(), container(phase=CREATED)), "Pending"),
    "running": (base(), (infra(), container()), "Running"),
    "one of two": (base(names=("main", "side")), (infra(), container()), "Pending"),
    "crashed, will restart": (base(), (infra(), container(phase=EXITED, exit_code=1)), "Running"),
    "done, will restart": (base(), (infra(), container(phase=EXITED)), "Running"),
    "OnFailure failed": (ON_FAILURE, (infra(), container(phase=EXITED, exit_code=1)), "Running"),
    "OnFailure done": (ON_FAILURE, (infra(), container(phase=EXITED)), "Succeeded"),
    "Never done": (NEVER, (infra(), container(phase=EXITED)), "Succeeded"),
    "Never failed": (NEVER, (infra(), container(phase=EXITED, exit_code=1)), "Failed"),
    "Never, one done, one runs": (
        TWO_NEVER,
        (infra(), container(phase=EXITED), container("side")),
        "Running",
    ),
    "Never, one failed of two done": (
        TWO_NEVER,
        (infra(), container(phase=EXITED, exit_code=9), container("side", EXITED)),
        "Failed",
    ),
    "initialising": (WITH_INIT, (infra(), container("setup", role=Role.INIT)), "Pending"),
    "initialised": (WITH_INIT, (infra(), SETUP, container()), "Running"),
    "initialisation failed": (WITH_INIT, (infra(), SETUP_FAILED), "Pending"),
    "initialisation failed for good": (NEVER_INIT, (infra(), SETUP_FAILED), "Failed"),
}


@pytest.mark.parametrize(("wanted", "observed", "phase"), PHASES.values(), ids=PHASES.keys())
def test_phase(wanted: core.Pod, observed: tuple[ContainerState, ...], phase: str) -> None:
    assert report(wanted, *observed).phase == phase


def waiting(made: core.PodStatus, index: int = 0) -> tuple[str, str]:
    found = made.containerStatuses[index].state.waiting
    return found.reason, found.message


def test_waiting_reasons() -> None:
    assert waiting(report(base())) == ("ContainerCreating", "")
    assert waiting(report(WITH_INIT, infra())) == ("PodInitializing", "")
    pull = EMPTY.failed("main", "ErrImagePull", "no such image", NOW)
    assert waiting(report(base(), infra(), history=pull)) == ("ErrImagePull", "no such image")
    assert waiting(report(base(), infra(), history=pull, now=NOW + 6)) == (
        "ImagePullBackOff",
        'Back-off pulling image "app:1": ErrImagePull: no such image',
    )
    config = EMPTY.failed("main", "CreateContainerConfigError", 'secret "s" not found', NOW)
    assert waiting(report(base(), infra(), history=config, now=NOW + 60))[0] == "CreateContainerConfigError"
    sandbox = EMPTY.failed("", "FailedCreatePodSandBox", "no network", NOW)
    assert waiting(report(base(), history=sandbox)) == ("ContainerCreating", "no network")


def test_a_crash_loop_shows_the_last_end() -> None:
    crashed = container(phase=EXITED, exit_code=3, attempt=3, backoff=3)
    made = report(base(), infra(), crashed)
    (found,) = made.containerStatuses
    assert found.state.waiting.reason == "CrashLoopBackOff"
    assert found.state.waiting.message == (
        "back-off 40s restarting failed container=main pod=web_default(uid-1)"
    )
    assert (found.lastState.terminated.exitCode, found.lastState.terminated.reason) == (3, "Error")
    assert (found.restartCount, found.ready, found.started) == (3, False, False)


def test_a_restarted_container_shows_its_run_before() -> None:
    made = report(base(), infra(), container(phase=EXITED, exit_code=3), container(attempt=1))
    (found,) = made.containerStatuses
    assert found.state.HasField("running")
    assert found.lastState.terminated.exitCode == 3
    assert (found.restartCount, found.ready, found.started) == (1, True, True)
    assert found.containerID == "docker://main-1"
    assert found.imageID == "sha256:app:1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exit_code": 0}, "Completed"),
        ({"exit_code": 1}, "Error"),
        ({"exit_code": 137, "oom_killed": True}, "OOMKilled"),
        ({"exit_code": 128, "error": "no such file"}, "StartError"),
    ],
)
def test_how_a_container_ended(change: dict[str, object], reason: str) -> None:
    ended = replace(container(phase=EXITED), **change)  # type: ignore[arg-type]
    (found,) = report(NEVER, infra(EXITED), ended).containerStatuses
    assert found.state.terminated.reason == reason
    assert found.state.terminated.exitCode == change["exit_code"]
    assert found.state.terminated.finishedAt.seconds == int(START) + 1


def conditions(made: core.PodStatus) -> dict[str, str]:
    return {c.type: c.status + (f" {c.reason}" if c.reason else "") for c in made.conditions}


def test_conditions_of_a_life() -> None:
    assert conditions(report(base())) == {
        "PodReadyToStartContainers": "False",
        "Initialized": "True",
        "ContainersReady": "False ContainersNotReady",
        "Ready": "False ContainersNotReady",
    }
    assert conditions(report(WITH_INIT, infra()))["Initialized"] == "False ContainersNotInitialized"
    assert set(conditions(report(base(), infra(), container())).values()) == {"True"}
    done = conditions(report(NEVER, infra(EXITED), container(phase=EXITED)))
    assert (done["Ready"], done["Initialized"]) == ("False PodCompleted", "True")
    failed = conditions(report(NEVER, infra(EXITED), container(phase=EXITED, exit_code=1)))
    assert failed["Ready"] == "False PodFailed"


def test_probes_decide_readiness() -> None:
    probed = base()
    probed.spec.containers[0].readinessProbe.periodSeconds = 1
    probed.spec.containers[0].startupProbe.periodSeconds = 1
    observed = (infra(), container())
    (found,) = report(probed, *observed).containerStatuses
    assert (found.started, found.ready) == (False, False)
    begun = replace(EMPTY, started=frozenset({"main-0"}))
    (found,) = report(probed, *observed, history=begun).containerStatuses
    assert (found.started, found.ready) == (True, False)
    ready = replace(begun, ready=frozenset({"main-0"}))
    (found,) = report(probed, *observed, history=ready).containerStatuses
    assert (found.started, found.ready) == (True, True)


def test_readiness_gates_hold_readiness_back() -> None:
    gated = base()
    gated.spec.readinessGates.add(conditionType="example.org/load-balancer")
    made = conditions(report(gated, infra(), container()))
    assert (made["ContainersReady"], made["Ready"]) == ("True", "False ReadinessGatesNotReady")
    gated.status.conditions.add(type="example.org/load-balancer", status="True")
    assert conditions(report(gated, infra(), container()))["Ready"] == "True"


def test_times_of_transition_and_conditions_of_others_stay() -> None:
    before = base()
    before.status.CopyFrom(report(before, infra(), container(), now=NOW))
    before.status.conditions.add(type="PodScheduled", status="True")
    again = report(before, infra(), container(), now=NOW + 100)
    times = {c.type: c.lastTransitionTime.seconds for c in again.conditions}
    assert times["Ready"] == int(NOW)
    assert "PodScheduled" in times
    later = report(before, infra(), container(phase=EXITED, exit_code=1), now=NOW + 100)
    assert {c.type: c.lastTransitionTime.seconds for c in later.conditions}["Ready"] == int(NOW + 100)


def test_addresses_and_times() -> None:
    made = report(base(), infra(), container())
    assert (made.podIP, made.hostIP, made.startTime.seconds) == ("10.88.0.2", "192.0.2.7", int(START))
    host = base()
    host.spec.hostNetwork = True
    assert report(host, infra(), container()).podIP == "192.0.2.7"


def test_a_pod_past_its_deadline_has_failed() -> None:
    ended = replace(EMPTY, ended=Ended("DeadlineExceeded", "too long"))
    made = report(base(), infra(), container(phase=EXITED), history=ended)
    assert (made.phase, made.reason, made.message) == ("Failed", "DeadlineExceeded", "too long")


def test_a_deleted_pod_shows_how_its_containers_ended() -> None:
    gone = deleted(base())
    made = report(gone, infra(EXITED), container(phase=EXITED, exit_code=143))
    assert made.containerStatuses[0].state.terminated.exitCode == 143
    gone.status.containerStatuses.add(name="main").state.running.startedAt.seconds = 5
    lost = report(gone).containerStatuses[0].state.terminated
    assert (lost.exitCode, lost.reason) == (137, "ContainerStatusUnknown")


def test_merged_keeps_what_others_write() -> None:
    own = report(base(), infra(), container())
    received = core.PodStatus(phase="Failed", reason="Evicted")
    received.conditions.add(type="DisruptionTarget", status="True")
    received.conditions.add(type="Ready", status="False")
    made = merged(own, received)
    assert (made.phase, made.reason) == ("Failed", "Evicted")
    assert conditions(made)["DisruptionTarget"] == "True"
    assert conditions(made)["Ready"] == "True"


def test_a_pod_that_was_ended_from_outside_stays_failed() -> None:
    evicted = base("Never")
    evicted.status.phase, evicted.status.reason = "Failed", "Evicted"
    made = report(evicted, infra(EXITED), container(phase=EXITED))
    assert (made.phase, made.reason) == ("Failed", "Evicted")

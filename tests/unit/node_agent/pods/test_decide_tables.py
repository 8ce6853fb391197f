"""decide() as tables: a base pod, one change each, and the whole list of actions."""

from dataclasses import dataclass, replace

import pytest

from node_agent.pods.actions import (
    Action,
    EndPod,
    PrepareImage,
    RemoveContainer,
    StartContainer,
    StartSandbox,
    StopContainer,
    Wait,
)
from node_agent.pods.decide import decide
from node_agent.pods.desired import DesiredPod, PullPolicy, Recorded, RestartPolicy
from node_agent.pods.history import Ended, History
from node_agent.runtime.interface import ContainerState, Phase, Role
from tests.support.pod_world import START, container, infra, init, member, wanted

ALWAYS, ON_FAILURE, NEVER = RestartPolicy.ALWAYS, RestartPolicy.ON_FAILURE, RestartPolicy.NEVER
NOW = START + 2.0
GONE = "the pod's sandbox is gone"
ENDS = "the pod ends"
READY = History(started_at=START, images={"main": "app:1", "side": "app:1", "setup": "app:1"})
EXITED, CREATED = Phase.EXITED, Phase.CREATED


@dataclass(frozen=True)
class Case:
    pod: DesiredPod | None
    observed: tuple[ContainerState, ...]
    expected: tuple[Action, ...]
    history: History = READY
    now: float = NOW


def start(name: str = "main", *, attempt: int = 0, backoff: int = 0, sandbox: int = 0) -> StartContainer:
    return StartContainer(name, attempt, backoff, sandbox, f"infra-{sandbox}")


def stop(container_id: str, name: str, reason: str = ENDS, grace_s: float = 30.0) -> StopContainer:
    return StopContainer(container_id, name, grace_s, reason)


def prepare(name: str = "main", image: str = "app:1") -> PrepareImage:
    return PrepareImage(name, image, PullPolicy.IF_NOT_PRESENT)


def with_failure(name: str, *, at: float, now_failures: int = 1) -> History:
    history = READY
    for _ in range(now_failures):
        history = history.failed(name, "ErrImagePull", "no such image", at)
    return history


SETUP = init("setup")
TWO = wanted(member("main"), member("side"))
WITH_INIT = wanted(SETUP, init("second"), member())
SIDECAR = init("proxy", restart=ALWAYS)
WITH_SIDECAR = wanted(SIDECAR, member())

SANDBOX_CASES = {
    "nothing is there": Case(wanted(), (), (StartSandbox(0, 0),)),
    "the sandbox runs, the image is not known": Case(
        wanted(), (infra(),), (prepare(),), History(started_at=START)
    ),
    "the image is being looked for": Case(
        wanted(), (infra(),), (), History(started_at=START, preparing=frozenset({"main"}))
    ),
    "the image is here": Case(wanted(), (infra(),), (start(),)),
    "another image is asked for meanwhile": Case(
        wanted(member(image="app:2")), (infra(),), (prepare(image="app:2"),)
    ),
    "all runs": Case(wanted(), (infra(), container()), ()),
    "an unstarted sandbox is made anew": Case(wanted(), (infra(CREATED),), (RemoveContainer("infra-0", ""),)),
    "an unstarted container is made anew": Case(
        wanted(), (infra(), container(phase=CREATED)), (RemoveContainer("main-0", "main"),)
    ),
    "the sandbox died under a member": Case(
        wanted(), (infra(EXITED), container()), (stop("main-0", "main", GONE),)
    ),
    "the sandbox died and the member is being stopped": Case(
        wanted(), (infra(EXITED), container()), (), replace(READY, stopping={"main-0": NOW + 30})
    ),
    "the sandbox and its member are dead": Case(
        wanted(), (infra(EXITED), container(phase=EXITED, exit_code=137)), (StartSandbox(1, 1),)
    ),
    "the sandbox was removed by somebody": Case(
        wanted(),
        (container(phase=EXITED, exit_code=137),),
        (StartSandbox(1, 0),),
        replace(READY, attempts={"": 0, "main": 0}),
    ),
    "a sandbox that dies again waits": Case(
        wanted(), (infra(EXITED, attempt=1, backoff=1),), (Wait(START + 1 + 10),)
    ),
    "a sandbox that failed waits": Case(wanted(), (), (Wait(NOW + 5),), with_failure("", at=NOW)),
    "a sandbox that failed is tried again": Case(
        wanted(), (), (StartSandbox(0, 0),), with_failure("", at=NOW - 10)
    ),
    "an old sandbox is cleared away": Case(
        wanted(),
        (infra(EXITED), infra(attempt=1), container(attempt=1, sandbox=1)),
        (RemoveContainer("infra-0", ""),),
    ),
    "a member of an old sandbox still runs": Case(
        wanted(),
        (infra(EXITED), infra(attempt=1), container()),
        (RemoveContainer("infra-0", ""), stop("main-0", "main", "left over from an earlier start")),
    ),
    "a pod that never restarts keeps its dead sandbox": Case(
        wanted(restart=NEVER), (infra(EXITED), container(phase=EXITED, exit_code=137)), ()
    ),
}

RESTART_CASES = {
    "first crash: at once": Case(
        wanted(), (infra(), container(phase=EXITED, exit_code=1)), (start(attempt=1, backoff=1),)
    ),
    "success of Always: at once": Case(
        wanted(), (infra(), container(phase=EXITED)), (start(attempt=1, backoff=1),)
    ),
    "second crash: after 10 s": Case(
        wanted(),
        (infra(), container(phase=EXITED, exit_code=1, attempt=1, backoff=1)),
        (Wait(START + 1 + 10),),
    ),
    "second crash, 10 s later": Case(
        wanted(),
        (infra(), container(phase=EXITED, exit_code=1, attempt=1, backoff=1)),
        (start(attempt=2, backoff=2),),
        now=START + 11,
    ),
    "sixth crash: after 160 s": Case(
        wanted(),
        (infra(), container(phase=EXITED, exit_code=1, attempt=5, backoff=5)),
        (Wait(START + 1 + 160),),
    ),
    "twentieth crash: after 5 min": Case(
        wanted(),
        (infra(), container(phase=EXITED, exit_code=1, attempt=19, backoff=19)),
        (Wait(START + 1 + 300),),
    ),
    "a run of 10 min clears the slate": Case(
        wanted(),
        (infra(), container(phase=EXITED, exit_code=1, attempt=5, backoff=5, ended_at=START + 600)),
        (start(attempt=6, backoff=1),),
        now=START + 600,
    ),
    "OnFailure, success: rests": Case(
        wanted(member("main", restart=ON_FAILURE), member("side", restart=ON_FAILURE), restart=ON_FAILURE),
        (infra(), container(phase=EXITED), container("side")),
        (),
    ),
    "OnFailure, failure: again": Case(
        wanted(restart=ON_FAILURE),
        (infra(), container(phase=EXITED, exit_code=2)),
        (start(attempt=1, backoff=1),),
    ),
    "Never, failure: rests while another runs": Case(
        wanted(member("main", restart=NEVER), member("side", restart=NEVER), restart=NEVER),
        (infra(), container(phase=EXITED, exit_code=2), container("side")),
        (),
    ),
    "all have ended for good: the sandbox goes": Case(
        wanted(restart=NEVER),
        (infra(), container(phase=EXITED, exit_code=2)),
        (stop("infra-0", "", ENDS, 0.0),),
    ),
    "ended for good, and removed by somebody": Case(
        wanted(restart=NEVER),
        (infra(),),
        (stop("infra-0", "", ENDS, 0.0),),
        replace(READY, exits={"main": container(phase=EXITED)}),
    ),
    "ended for good, as the API server remembers": Case(
        replace(wanted(restart=NEVER), recorded={"main": Recorded(0, 0)}), (), ()
    ),
    "a removed container is started anew, its number not": Case(
        wanted(), (infra(),), (start(attempt=4),), replace(READY, attempts={"main": 3})
    ),
    "the API server knows a higher number": Case(
        replace(wanted(), recorded={"main": Recorded(7, None)}), (infra(),), (start(attempt=8),)
    ),
    "the run before is kept, those before it are not": Case(
        wanted(),
        (
            infra(),
            container(phase=EXITED, attempt=0),
            container(phase=EXITED, attempt=1),
            container(attempt=2),
        ),
        (RemoveContainer("main-0", "main"),),
    ),
    "a failed pull waits, told by its own name first": Case(
        wanted(), (infra(),), (Wait(NOW + 5),), with_failure("main", at=NOW)
    ),
    "a failed pull waits, then as a back-off": Case(
        wanted(), (infra(),), (Wait(NOW + 4),), with_failure("main", at=NOW - 6)
    ),
    "a failed pull is tried again": Case(
        wanted(), (infra(),), (prepare(),), with_failure("main", at=NOW - 10)
    ),
    "a failed pull of one does not hold up the other": Case(
        TWO, (infra(),), (start("side"), Wait(NOW + 5)), with_failure("main", at=NOW)
    ),
}

CHANGE_CASES = {
    "another image": Case(
        wanted(member(image="app:2")),
        (infra(), container()),
        (StopContainer("main-0", "main", 30.0, "Container definition changed", True),),
    ),
    "another image, stopped": Case(
        wanted(member(image="app:2")),
        (infra(), container(phase=EXITED, exit_code=143, backoff=4)),
        (start(attempt=1),),
        replace(READY, images={"main": "app:2"}, replaced=frozenset({"main-0"})),
    ),
    "another image of one that never restarts": Case(
        wanted(member(image="app:2", restart=NEVER), restart=NEVER),
        (infra(), container(phase=EXITED, exit_code=143)),
        (start(attempt=1),),
        replace(READY, images={"main": "app:2"}, replaced=frozenset({"main-0"})),
    ),
    "the liveness probe has failed": Case(
        wanted(),
        (infra(), container()),
        (stop("main-0", "main", "failed its liveness or startup probe"),),
        replace(READY, unhealthy=frozenset({"main-0"})),
    ),
    "the liveness probe has failed, with its own grace": Case(
        wanted(replace(member(), liveness_grace_s=3)),
        (infra(), container()),
        (stop("main-0", "main", "failed its liveness or startup probe", 3.0),),
        replace(READY, unhealthy=frozenset({"main-0"})),
    ),
}

INIT_CASES = {
    "the first init container": Case(WITH_INIT, (infra(),), (start("setup"),)),
    "it runs": Case(WITH_INIT, (infra(), container("setup", role=Role.INIT)), ()),
    "it has done its work": Case(
        WITH_INIT, (infra(), container("setup", EXITED, role=Role.INIT)), (prepare("second"),)
    ),
    "it has failed": Case(
        WITH_INIT,
        (infra(), container("setup", EXITED, exit_code=1, role=Role.INIT)),
        (start("setup", attempt=1, backoff=1),),
    ),
    "it has failed for good": Case(
        wanted(init("setup", restart=NEVER), member(restart=NEVER), restart=NEVER),
        (infra(), container("setup", EXITED, exit_code=1, role=Role.INIT)),
        (stop("infra-0", "", ENDS, 0.0),),
    ),
    "all have done their work": Case(
        wanted(SETUP, member()), (infra(), container("setup", EXITED, role=Role.INIT)), (start(),)
    ),
    "they work again in a new sandbox": Case(
        wanted(SETUP, member()),
        (infra(attempt=1), container("setup", EXITED, role=Role.INIT), container(phase=EXITED)),
        (start("setup", attempt=1, backoff=1, sandbox=1),),
    ),
    "a removed init container does not run again beside its members": Case(
        wanted(SETUP, member()), (infra(), container()), ()
    ),
    "a sidecar comes first": Case(WITH_SIDECAR, (infra(),), (prepare("proxy"),)),
    "members follow a sidecar that runs": Case(
        WITH_SIDECAR, (infra(), container("proxy", role=Role.INIT)), (start(),)
    ),
    "members wait for the sidecar's startup probe": Case(
        wanted(replace(SIDECAR, startup_probe=True), member()),
        (infra(), container("proxy", role=Role.INIT)),
        (),
    ),
    "members follow once it has succeeded": Case(
        wanted(replace(SIDECAR, startup_probe=True), member()),
        (infra(), container("proxy", role=Role.INIT)),
        (start(),),
        replace(READY, started=frozenset({"proxy-0"})),
    ),
    "a sidecar is started again": Case(
        WITH_SIDECAR,
        (infra(), container("proxy", EXITED, exit_code=1, role=Role.INIT), container()),
        (start("proxy", attempt=1, backoff=1),),
        replace(READY, images={"proxy": "app:1"}),
    ),
    "sidecars end with the members": Case(
        wanted(SIDECAR, member(restart=NEVER), restart=NEVER),
        (infra(), container("proxy", role=Role.INIT), container(phase=EXITED)),
        (stop("proxy-0", "proxy"),),
    ),
}

DELETED = replace(wanted(grace_s=7), deleted=True)
END_CASES = {
    "deleted: the member first": Case(DELETED, (infra(), container()), (stop("main-0", "main", ENDS, 7.0),)),
    "deleted: several at once": Case(
        replace(TWO, deleted=True),
        (infra(), container(), container("side")),
        (stop("main-0", "main"), stop("side-0", "side")),
    ),
    "deleted: sidecars after members": Case(
        replace(WITH_SIDECAR, deleted=True),
        (infra(), container("proxy", role=Role.INIT), container()),
        (stop("main-0", "main"),),
    ),
    "deleted: the sandbox last, at once": Case(
        DELETED, (infra(), container(phase=EXITED)), (stop("infra-0", "", ENDS, 0.0),)
    ),
    "deleted: what has ended stays for its logs": Case(DELETED, (infra(EXITED), container(phase=EXITED)), ()),
    "deleted: a stop under way is not repeated": Case(
        DELETED, (infra(), container()), (), replace(READY, stopping={"main-0": NOW + 7})
    ),
    "deleted: less grace than before": Case(
        replace(DELETED, grace_s=0),
        (infra(), container()),
        (stop("main-0", "main", ENDS, 0.0),),
        replace(READY, stopping={"main-0": NOW + 25}),
    ),
    "deleted before anything was made": Case(DELETED, (), ()),
    "removed: with the grace of its label": Case(None, (infra(), container()), (stop("main-0", "main"),)),
    "removed: being stopped": Case(
        None, (infra(), container()), (), replace(READY, stopping={"main-0": NOW + 7})
    ),
    "removed: all has ended": Case(
        None,
        (infra(EXITED), container(phase=EXITED)),
        (RemoveContainer("infra-0", ""), RemoveContainer("main-0", "main")),
    ),
    "removed: nothing is left": Case(None, (), ()),
    "finished: it never runs again": Case(
        replace(wanted(), finished=True), (infra(EXITED), container(phase=EXITED)), ()
    ),
    "before the deadline": Case(
        replace(wanted(), active_deadline_s=60), (infra(), container()), (Wait(START + 60),)
    ),
    "at the deadline": Case(
        replace(wanted(), active_deadline_s=60),
        (infra(), container()),
        (EndPod("DeadlineExceeded", "Pod was active on the node longer than the specified deadline"),),
        now=START + 60,
    ),
    "after the deadline": Case(
        replace(wanted(), active_deadline_s=60),
        (infra(), container()),
        (stop("main-0", "main"),),
        replace(READY, ended=Ended("DeadlineExceeded", "")),
        now=START + 61,
    ),
    "a pod that has ended by itself does not miss its deadline": Case(
        replace(wanted(restart=NEVER), active_deadline_s=60),
        (infra(EXITED), container(phase=EXITED)),
        (),
        now=START + 61,
    ),
}

CASES = SANDBOX_CASES | RESTART_CASES | CHANGE_CASES | INIT_CASES | END_CASES


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decide(case: Case) -> None:
    assert decide(case.pod, case.observed, case.history, case.now) == case.expected

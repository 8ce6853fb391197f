"""What to do next for one pod: decide(wanted, observed, history, now) -> actions.

Pure and level-driven: it looks at what is, not at what happened, and asks for steps that are safe to repeat.
A worker carries the actions out in order, observes again and decides again until only waiting is left.
The rules are the kubelet's (computePodActions); where Kubernetes documents a behaviour, the page is named.

Invariants, held by property tests: no second container of a name is started while one runs; deciding twice
does nothing the second time; stopping after any prefix of the actions and deciding again converges.
"""

from collections.abc import Iterable, Sequence

from node_agent.pods import backoff
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
from node_agent.pods.desired import DesiredContainer, DesiredPod, RestartPolicy
from node_agent.pods.history import SANDBOX, History
from node_agent.pods.view import View
from node_agent.runtime.interface import ContainerState, Phase, Role

SETTLE_S = 5.0  # how long a failure is shown under its own name before it is called a back-off
_LESS_GRACE_S = 1.0  # a stop under way is repeated for at least this much less grace


def decide(
    pod: DesiredPod | None, observed: Iterable[ContainerState], history: History, now: float
) -> tuple[Action, ...]:
    """The next steps for a pod; `pod` None: it is no longer wanted here, nothing of it stays.

    `observed` holds the containers of this pod only; `now` is in seconds since 1970."""
    view = View.of(observed, history)
    if pod is None:
        return _ordered(_stop_all(view, history, now, None) if view.running else _remove(view.all))
    if pod.deleted or pod.finished or history.ended is not None:
        return _ordered(_stop_all(view, history, now, pod))
    expiry = None if _finished(pod, view) else _expiry(pod, history)
    if expiry is not None and now >= expiry:
        message = "Pod was active on the node longer than the specified deadline"
        return (EndPod("DeadlineExceeded", message),)
    actions = [*_remove(_outdated(view)), *_advance(pod, view, history, now)]
    if expiry is not None:
        actions.append(Wait(expiry))
    return _ordered(actions)


def _ordered(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The actions with at most one Wait, the earliest, at the end."""
    waits = [action for action in actions if isinstance(action, Wait)]
    others = [action for action in actions if not isinstance(action, Wait)]
    return (*others, *([min(waits, key=lambda wait: wait.until)] if waits else ()))


def _advance(pod: DesiredPod, view: View, history: History, now: float) -> list[Action]:
    """One step of a pod that is to run."""
    if _finished(pod, view):
        return _stop_all(view, history, now, pod)
    sandbox = view.live_sandbox
    if sandbox is None:
        return _restart_sandbox(pod, view, history, now)
    stray = [s for s in view.running if s.id != sandbox.id and _is_stray(s, sandbox, view)]
    if stray:
        return _stops(stray, history, now, pod.grace_s, "left over from an earlier start")
    if not view.initialised(pod):
        return _initialise(pod, view, history, now, sandbox)
    actions: list[Action] = []
    for container in (*(c for c in pod.inits if c.sidecar), *pod.members):
        actions += _keep(pod, container, view, history, now, sandbox)
    return actions


def _is_stray(state: ContainerState, sandbox: ContainerState, view: View) -> bool:
    """Whether it belongs to an earlier sandbox, or is not the newest of its name."""
    return state.identity.sandbox != sandbox.identity.attempt or state is not view.newest(
        state.identity.container
    )


def _finished(pod: DesiredPod, view: View) -> bool:
    """Whether nothing of the pod will run again: all members are done, or an init container failed for good,
    or its sandbox is gone and its containers must not run twice."""
    if all(view.done(pod, member) for member in pod.members):
        return True
    if pod.restart is not RestartPolicy.NEVER:
        return False
    for container in pod.inits:
        ended = view.current(container.name)
        if not container.sidecar and ended is not None and ended.phase is Phase.EXITED and ended.exit_code:
            return True
    return view.sandbox is not None and view.live_sandbox is None and _has_run(view)


def _has_run(view: View) -> bool:
    return any(s.identity.role is Role.MEMBER and s.phase is not Phase.CREATED for s in view.all)


# Sandbox


def _restart_sandbox(pod: DesiredPod, view: View, history: History, now: float) -> list[Action]:
    """There is no running sandbox: end what ran in an old one, then make one, with back-off."""
    running = view.running
    if running:
        return _stops(running, history, now, pod.grace_s, "the pod's sandbox is gone")
    due = _failure_due(SANDBOX, history)
    before, level = view.sandbox, 0
    unstarted = [s for s in view.by_name.get(SANDBOX, ()) if s.phase is Phase.CREATED]
    if unstarted:
        return _remove(unstarted)
    if before is not None:
        due = max(due, backoff.restart_at(before))
        level = backoff.next_level(before)
    if now < due:
        return _waits(due, SANDBOX, history, now)
    return [StartSandbox(view.next_attempt(pod, SANDBOX), level)]


# Init containers: one after another, each to its end
# (https://kubernetes.io/docs/concepts/workloads/pods/init-containers/)


def _initialise(
    pod: DesiredPod, view: View, history: History, now: float, sandbox: ContainerState
) -> list[Action]:
    actions: list[Action] = []
    for container in pod.inits:
        state = view.current(container.name)
        if container.sidecar:
            actions += _keep(pod, container, view, history, now, sandbox)
            if state is None or not view.passed_startup(container, state):
                return actions
        elif state is None or state.phase is not Phase.EXITED:
            if state is None or state.phase is Phase.CREATED:
                actions += _launch(pod, container, view, history, now, sandbox)
            return actions
        elif state.exit_code != 0:
            return [*actions, *_launch(pod, container, view, history, now, sandbox)]
    return actions


# Members and sidecars


def _keep(
    pod: DesiredPod,
    container: DesiredContainer,
    view: View,
    history: History,
    now: float,
    sandbox: ContainerState,
) -> list[Action]:
    """Keep one container running, unless its restart policy lets it rest."""
    state = view.newest(container.name)
    if state is None or state.phase is not Phase.RUNNING:
        if view.done(pod, container):
            return []
        return _launch(pod, container, view, history, now, sandbox)
    if state.identity.spec_hash != container.spec_hash:
        return _stops([state], history, now, pod.grace_s, "Container definition changed", replacing=True)
    if state.id in history.unhealthy:
        grace_s = pod.grace_s if container.liveness_grace_s is None else container.liveness_grace_s
        return _stops([state], history, now, grace_s, "failed its liveness or startup probe")
    return []


def _launch(
    pod: DesiredPod,
    container: DesiredContainer,
    view: View,
    history: History,
    now: float,
    sandbox: ContainerState,
) -> list[Action]:
    """The next step towards a running container of this name, of which none runs."""
    unstarted = [s for s in view.by_name.get(container.name, ()) if s.phase is Phase.CREATED]
    if unstarted:
        return _remove(unstarted)
    ended, level = view.last_end(container.name), 0
    due = _failure_due(container.name, history)
    if ended is not None:
        replaced = ended.id in history.replaced
        level = 0 if replaced else backoff.next_level(ended)
        due = due if replaced else max(due, backoff.restart_at(ended))
    if now < due:
        return _waits(due, container.name, history, now)
    if container.name in history.preparing:
        return []
    if history.images.get(container.name) != container.image:
        return [PrepareImage(container.name, container.image, container.pull)]
    attempt = view.next_attempt(pod, container.name)
    return [StartContainer(container.name, attempt, level, sandbox.identity.attempt, sandbox.id)]


def _failure_due(name: str, history: History) -> float:
    failure = history.failures.get(name)
    return failure.retry_at if failure is not None else 0.0


def _waits(due: float, name: str, history: History, now: float) -> list[Action]:
    """Until `due`, and before that to the moment when the failure's name in the status changes."""
    failure = history.failures.get(name)
    if failure is not None and now < failure.failed_at + SETTLE_S < due:
        return [Wait(failure.failed_at + SETTLE_S)]
    return [Wait(due)]


# The end


def _stop_all(view: View, history: History, now: float, pod: DesiredPod | None) -> list[Action]:
    """Stop what runs: members and init containers, then sidecars, the sandbox last."""
    sidecars = {c.name for c in pod.inits if c.sidecar} if pod is not None else set()
    running = [s for s in view.running if s.identity.role is not Role.INFRA]
    members = [s for s in running if s.identity.container not in sidecars]
    for group in (members, running, view.running):
        if group:
            actions: list[Action] = []
            for state in group:
                grace_s = pod.grace_s if pod is not None else state.identity.grace_s
                actions += _stops([state], history, now, grace_s, "the pod ends")
            return actions
    return []


def _stops(
    states: Iterable[ContainerState],
    history: History,
    now: float,
    grace_s: float,
    reason: str,
    *,
    replacing: bool = False,
) -> list[Action]:
    """Stop each that is not being stopped, or is with much more grace than it now has."""
    actions: list[Action] = []
    for state in states:
        allowed_s = 0.0 if state.identity.role is Role.INFRA else float(grace_s)
        kill_at = history.stopping.get(state.id)
        if kill_at is None or now + allowed_s + _LESS_GRACE_S <= kill_at:
            actions.append(StopContainer(state.id, state.identity.container, allowed_s, reason, replacing))
    return actions


def _remove(states: Iterable[ContainerState]) -> list[Action]:
    return [RemoveContainer(state.id, state.identity.container) for state in states]


def _outdated(view: View) -> list[ContainerState]:
    """Ended containers that nobody asks for any more: of each name the newest run and the one before stay,
    for their logs; of the sandbox only the newest."""
    found = []
    for name, states in view.by_name.items():
        ended = [s for s in states if s.phase is Phase.EXITED]
        kept = 1 if name == SANDBOX or (states and states[0].phase is not Phase.EXITED) else 2
        if name == SANDBOX and states[0].phase is Phase.RUNNING:
            kept = 0
        found += ended[kept:]
    return found


def _expiry(pod: DesiredPod, history: History) -> float | None:
    if pod.active_deadline_s is None:
        return None
    return history.started_at + pod.active_deadline_s

"""Carries out one pod's actions on the engine and notes in the History how each went.

It decides nothing. What the engine refuses becomes a failure with a reason; that the engine cannot be
reached is raised, for the worker to wait.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import blueprint
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
from node_agent.pods.blueprint import Surroundings
from node_agent.pods.config import ConfigError
from node_agent.pods.desired import DesiredPod, PullPolicy
from node_agent.pods.history import SANDBOX, Ended, History
from node_agent.pods.parts import Parts
from node_agent.runtime.errors import EngineUnavailable, ImageFailure, RuntimeFailure
from node_agent.runtime.interface import ContainerSpec, Identity, ImageState, Mount, Role

log = structlog.get_logger()

_STOP_PAUSE_S = 2.0


class Executor:
    """Of one pod. Its tasks (stops, pulls) belong to `tasks`; `changed` is called when one has ended."""

    def __init__(self, parts: Parts, tasks: asyncio.TaskGroup, changed: Callable[[], None]) -> None:
        self.history = History(started_at=parts.clock.now())
        self.pod_ip = ""
        self._parts = parts
        self._tasks = tasks
        self._changed = changed
        self._stops: dict[str, asyncio.Task[None]] = {}
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._images: dict[str, ImageState] = {}
        self._mounts: Mapping[str, tuple[Mount, ...]] | None = None
        self._files_stale = False

    @property
    def busy(self) -> bool:
        """Whether a stop or a pull is under way."""
        return bool(self._stops or self._pulls)

    def files_changed(self) -> None:
        """What the pod's volumes show may have changed."""
        self._files_stale = True

    async def refresh_files(self, pod: core.Pod) -> None:
        """Bring the volumes of a pod that runs up to date, if something has changed."""
        if not self._files_stale:
            return
        self._files_stale = False
        if self._mounts is not None or (pod.spec.volumes and self.pod_ip):
            # What is missing now was there at the start; the containers keep what they have.
            with contextlib.suppress(ConfigError, OSError):
                parts = self._parts
                self._mounts = await parts.files.prepare(pod, parts.config, parts.node, self.pod_ip)

    async def perform(self, action: Action, pod: core.Pod | None, wanted: DesiredPod | None) -> None:
        """Do it, or set it going. Raises EngineUnavailable."""
        match action:
            case RemoveContainer(container_id=container_id):
                await self._parts.engine.remove(container_id)
            case StopContainer():
                self._stop(action, pod)
            case EndPod(reason=reason, message=message):
                self.history = replace(self.history, ended=Ended(reason, message))
                self._record(pod, reason, message, warning=True)
            case PrepareImage(container=name):
                self.history = self.history.preparing_image(name)
                task = self._tasks.create_task(self._prepare(action, pod), name=f"image {action.image}")
                self._pulls[name] = task
            case StartSandbox() if pod is not None and wanted is not None:
                await self._start_sandbox(action, pod, wanted)
            case StartContainer() if pod is not None and wanted is not None:
                await self._start_container(action, pod, wanted)
            case StartSandbox() | StartContainer() | Wait():
                pass

    def cancel_pulls(self) -> None:
        """The pod ends: nobody waits for its images any more."""
        for task in self._pulls.values():
            task.cancel()

    # Stops

    def _stop(self, action: StopContainer, pod: core.Pod | None) -> None:
        before = self._stops.pop(action.container_id, None)
        if before is not None:
            before.cancel()
        else:
            text = f"Stopping container {action.container or 'of the sandbox'}: {action.reason}"
            self._record(pod, "Killing", text, container=action.container)
        kill_at = self._parts.clock.now() + action.grace_s
        self.history = self.history.stop_began(action.container_id, kill_at, action.replacing)
        self._stops[action.container_id] = self._tasks.create_task(
            self._stopping(action.container_id, action.grace_s), name=f"stop {action.container_id[:12]}"
        )

    async def _stopping(self, container_id: str, grace_s: float) -> None:
        try:
            await self._parts.engine.stop(container_id, grace_s)
        except RuntimeFailure as error:
            # Decided anew after a pause: the container still runs and is then no longer being stopped.
            log.warning("container_not_stopped", container=container_id, error=str(error))
            await asyncio.sleep(_STOP_PAUSE_S * self._parts.random.uniform(0.8, 1.2))
        finally:
            if self._stops.get(container_id) is asyncio.current_task():
                del self._stops[container_id]
                self.history = self.history.stop_ended(container_id)
                self._changed()

    # Images

    async def _prepare(self, action: PrepareImage, pod: core.Pod | None) -> None:
        name, image, now = action.container, action.image, self._parts.clock.now
        try:
            found = await self._parts.engine.find(image)
            if action.policy is PullPolicy.ALWAYS or (
                found is None and action.policy is PullPolicy.IF_NOT_PRESENT
            ):
                found = await self._pull(action, pod, found)
            if found is None:
                message = f'Container image "{image}" is not present with pull policy of Never'
                self._fail(pod, name, "ErrImageNeverPull", message)
            else:
                self._images[name] = found
                self.history = self.history.prepared(name, image)
        except ImageFailure as error:
            self._fail(pod, name, "ErrImagePull", str(error))
        except RuntimeFailure as error:
            self.history = self.history.failed(name, "ErrImagePull", str(error), now())
        finally:
            self.history = replace(self.history, preparing=self.history.preparing - {name})
            if self._pulls.get(name) is asyncio.current_task():
                del self._pulls[name]
            self._changed()

    async def _pull(
        self, action: PrepareImage, pod: core.Pod | None, found: ImageState | None
    ) -> ImageState | None:
        name, image = action.container, action.image
        self._record(pod, "Pulling", f'Pulling image "{image}"', container=name)
        pulled = await self._parts.engine.pull(image)
        self._record(pod, "Pulled", f'Successfully pulled image "{image}"', container=name)
        return pulled or found

    # Starts

    async def _start_sandbox(self, action: StartSandbox, pod: core.Pod, wanted: DesiredPod) -> None:
        identity = Identity(
            wanted.ref,
            SANDBOX,
            Role.INFRA,
            action.attempt,
            action.attempt,
            "",
            wanted.grace_s,
            action.backoff,
        )
        spec = blueprint.sandbox(pod, identity, self._parts.pause_image)
        self._mounts = None
        try:
            try:
                await self._create_and_start(spec)
            except ImageFailure:
                await self._parts.engine.pull(spec.image)
                await self._create_and_start(spec)
        except EngineUnavailable:
            raise
        except RuntimeFailure as error:
            self._fail(pod, SANDBOX, "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
        else:
            self.history = self.history.launched(SANDBOX)

    async def _start_container(self, action: StartContainer, pod: core.Pod, wanted: DesiredPod) -> None:
        name = action.container
        described = next(c for c in wanted.containers if c.name == name)
        source = next(c for c in (*pod.spec.initContainers, *pod.spec.containers) if c.name == name)
        identity = Identity(
            wanted.ref,
            name,
            described.role,
            action.attempt,
            action.sandbox,
            described.spec_hash,
            wanted.grace_s,
            action.backoff,
        )
        try:
            spec = await self._specified(pod, source, identity, action.sandbox_id)
            await self._create_and_start(spec)
        except EngineUnavailable:
            raise
        except ConfigError as error:
            self._fail(pod, name, "CreateContainerConfigError", str(error))
        except ImageFailure as error:
            self._fail(pod, name, "ErrImagePull", str(error))
        except RuntimeFailure as error:
            self._fail(pod, name, "CreateContainerError", str(error))
        else:
            self.history = self.history.launched(name)
            self._record(pod, "Started", f"Started container {name}", container=name)

    async def _specified(
        self, pod: core.Pod, source: core.Container, identity: Identity, sandbox_id: str
    ) -> ContainerSpec:
        parts = self._parts
        if self._mounts is None:
            try:
                self._mounts = await parts.files.prepare(pod, parts.config, parts.node, self.pod_ip)
            except OSError as error:
                raise ConfigError(f"cannot prepare the pod's volumes: {error}") from error
        image = self._images.get(source.name)
        around = Surroundings(parts.node, parts.config, self.pod_ip, image, self._mounts)
        return blueprint.container(pod, source, identity, sandbox_id, around)

    async def _create_and_start(self, spec: ContainerSpec) -> None:
        container_id = await self._parts.engine.create(spec)
        await self._parts.engine.start(container_id)

    def _fail(self, pod: core.Pod | None, name: str, reason: str, message: str) -> None:
        self.history = self.history.failed(name, reason, message, self._parts.clock.now())
        event = "Failed" if name else reason
        self._record(pod, event, message, container=name, warning=True)

    def _record(
        self, pod: core.Pod | None, reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None:
        if pod is not None:
            self._parts.recorder.record(pod, reason, message, container=container, warning=warning)

"""What a control plane consists of and what gets which dependency; it does nothing else.

`ControlPlane` needs neither network nor files: the process (process.py) puts gRPC around it, a simulation
runs it on a store in memory and on virtual time.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from control_plane.api.allocation import AllocationRepair
from control_plane.api.api import Api
from control_plane.api.reading import Lister
from control_plane.api.watching.watcher import Watches
from control_plane.api.writer import ApiWriter
from control_plane.cluster import make_first_objects
from control_plane.controllers import standard_controllers
from control_plane.controllers.loop import ControllerLoop
from control_plane.controllers.metrics import ControllerMetrics
from control_plane.controllers.quotas import QuotaKeeper
from control_plane.insight.insight import Insight
from control_plane.lag import measure_lag
from control_plane.leading import Work, lead
from control_plane.nodes.directory import SessionDirectory
from control_plane.nodes.sessions import NodeSessions
from control_plane.objects.cache import CachedObjects
from control_plane.objects.recorder import EventRecorder
from control_plane.scheduler.configuration.read import Configuration
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.scheduler import Scheduler
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.settings import ServerSettings
from control_plane.store.election import Election
from control_plane.store.interface import Store
from knarr.api.kinds import KINDS
from knarr.clock import Clock, Ids


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a control plane takes from the world around it."""

    store: Store
    clock: Clock
    ids: Ids
    rng: random.Random
    registry: CollectorRegistry
    cluster_id: str
    replica: str  # unique to this process, and how others reach it
    scheduling: Configuration = field(default_factory=Configuration)


class ControlPlane:
    """One replica."""

    def __init__(self, around: Surroundings, settings: ServerSettings) -> None:
        self._around = around
        self._settings = settings
        store, clock, rng = around.store, around.clock, around.rng
        self.objects = CachedObjects(store, KINDS, rng)
        self.api = Api(store, self.objects, clock, around.ids, rng, settings.api)
        self.writer = ApiWriter(self.api, clock)
        self.lister = Lister(self.api.storage, self.objects, settings.api)
        self.watches = Watches(store, self.objects, KINDS, settings.api)
        self.directory = SessionDirectory(store, clock, rng)
        self.sessions = NodeSessions(
            store,
            self.objects,
            self.writer,
            self.directory,
            clock,
            around.ids,
            rng,
            replica=around.replica,
            cluster_id=around.cluster_id,
            settings=settings.sessions,
        )
        self.recorder = EventRecorder(self.writer, clock, rng)
        self.scheduler = Scheduler(
            self.objects,
            self.writer,
            self.recorder,
            clock,
            rng,
            SchedulerSettings().with_backoff(
                around.scheduling.backoff_first_s, around.scheduling.backoff_most_s
            ),
            profiles=around.scheduling.profiles,
            registry=around.registry,
        )
        self.insight = Insight(self.objects, Profiles(around.scheduling.profiles), clock, settings.api)
        self._controller_metrics = ControllerMetrics(around.registry)

    async def run(self) -> None:
        """Run all roles until cancelled."""
        roles = self._settings.roles
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.objects.run(), name="cache")
            tasks.create_task(self.directory.run(), name="session-directory")
            tasks.create_task(self.recorder.run(), name="event-recorder")
            tasks.create_task(measure_lag(self._around.clock, self._around.registry), name="loop-lag")
            if "api" in roles:
                tasks.create_task(self.watches.run(), name="watches")
                tasks.create_task(self.sessions.run(), name="node-sessions")
                tasks.create_task(self.insight.run(), name="insight")
                tasks.create_task(self._make_first_objects(), name="first-objects")
            if "scheduler" in roles:
                election = self._election("scheduler")
                tasks.create_task(lead("scheduler", election, self._schedule), name="lead-scheduler")
            if "controllers" in roles:
                election = self._election("controllers")
                tasks.create_task(lead("controllers", election, self._control), name="lead-controllers")

    async def synced(self) -> None:
        """Return once the replica knows what is stored, and can answer."""
        await self.objects.synced()
        await self.directory.synced()

    async def _make_first_objects(self) -> None:
        await self.objects.synced()
        await make_first_objects(self.api, self._around.rng)

    def _election(self, name: str) -> Election:
        around = self._around
        return Election(around.store, name, around.replica, self._settings.leader_ttl_s, around.rng)

    def _schedule(self) -> Work:
        return [("scheduler", self.scheduler.run())]

    def _control(self) -> Work:
        self.directory.started_at = self._around.clock.monotonic()
        quotas = QuotaKeeper(self.objects, self.api.storage.ledger.recount, self._around.rng)
        claims = AllocationRepair(self.objects, self.api.storage, self._around.rng)
        return [
            *((loop.name, loop.run()) for loop in self._loops()),
            (quotas.name, quotas.run()),
            (claims.name, claims.run()),
        ]

    def _loops(self) -> Sequence[ControllerLoop[Any]]:
        """Loops of their own for each term as leader: nothing is remembered from the one before."""
        around = self._around
        return [
            ControllerLoop(
                controller,
                self.objects,
                self.writer,
                self.recorder,
                around.clock,
                around.rng,
                self._controller_metrics,
            )
            for controller in standard_controllers(around.clock, self.directory)
        ]

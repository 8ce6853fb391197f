"""The controllers: each a pure decision over a snapshot of the cache, all driven by one common loop."""

from typing import Any

from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.disruption import DisruptionController
from control_plane.controllers.eviction import EvictionController
from control_plane.controllers.expiry import ExpiryController
from control_plane.controllers.garbage import GarbageController
from control_plane.controllers.liveness import LivenessController, LivenessSettings, SessionView
from control_plane.controllers.loop import Controller
from control_plane.controllers.namespaces import NamespaceController
from control_plane.controllers.podgc import PodCollector
from control_plane.controllers.protection import ProtectionController
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.controllers.serviceaccounts import ServiceAccountController
from control_plane.controllers.volumes import VolumeController
from knarr.clock import Clock


def standard_controllers(
    clock: Clock, sessions: SessionView, liveness: LivenessSettings | None = None
) -> tuple[Controller[Any], ...]:
    """One of each, new: for one term as leader."""
    patience = liveness or LivenessSettings()

    def quiet_s() -> float:
        return max(0.0, sessions.started_at + patience.first_interval_s - clock.monotonic())

    return (
        ReplicaSetController(),
        DeploymentController(),
        DisruptionController(),
        VolumeController(),
        GarbageController(),
        NamespaceController(),
        LivenessController(sessions, clock, patience),
        EvictionController(quiet_s),
        PodCollector(clock),
        ProtectionController(),
        ServiceAccountController(),
        ExpiryController(),
    )

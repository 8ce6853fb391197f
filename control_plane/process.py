"""One control plane process: store, gRPC server, metrics, and a clean stop."""

import asyncio
import fcntl
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, start_http_server

from control_plane.cluster import cluster_id
from control_plane.collecting import settle
from control_plane.scheduler.configuration.read import Configuration, read_configuration
from control_plane.server.insight import InsightServicer
from control_plane.server.nodes import NodeServicer
from control_plane.server.objects import Identity, ObjectServicer, Serving
from control_plane.server.pods import PodServicer
from control_plane.settings import ServerSettings, StoreTls
from control_plane.store.embedded import EmbeddedEtcd, EmbeddedSettings
from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdSettings
from control_plane.store.maintenance import Maintenance, MaintenanceSettings
from control_plane.wiring import ControlPlane, Surroundings
from knarr import __version__, transport
from knarr.clock import RandomIds, SystemClock
from knarr.proto.services import (
    insight_service_pb2,
    node_service_pb2,
    object_service_pb2,
    pod_service_pb2,
)
from knarr.proto.services.insight_service_pb2_grpc import add_InsightServiceServicer_to_server
from knarr.proto.services.node_service_pb2_grpc import add_NodeServiceServicer_to_server
from knarr.proto.services.object_service_pb2_grpc import add_ObjectServiceServicer_to_server
from knarr.proto.services.pod_service_pb2_grpc import add_PodServiceServicer_to_server

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (object_service_pb2, "ObjectService"),
        (node_service_pb2, "NodeService"),
        (pod_service_pb2, "PodService"),
        (insight_service_pb2, "InsightService"),
    )
)

log = structlog.get_logger()


class AlreadyRunning(Exception):
    """Another process uses this state directory."""


async def run_server(settings: ServerSettings) -> None:
    """Run until SIGTERM or SIGINT. Raises AlreadyRunning, OSError (address taken), ConfigurationError, and
    what the store raises when it cannot be started."""
    scheduling = _scheduling(settings.scheduler_config)  # before anything is started
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(settings.state_dir):
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(_open_store(settings))
            await _serve(settings, store, scheduling, stop)
    log.info("stopped")


async def _serve(
    settings: ServerSettings, store: EtcdStore, scheduling: Configuration, stop: asyncio.Event
) -> None:
    rng = random.Random()
    ids = RandomIds()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    server, port = transport.server(settings.listen)
    replica = settings.advertise or f"{settings.listen.rpartition(':')[0]}:{port}"
    cluster = await _or_stop(cluster_id(store, ids, rng), stop)
    if cluster is None:
        return
    around = Surroundings(store, SystemClock(), ids, rng, registry, cluster, replica, scheduling)
    plane = ControlPlane(around, settings)
    health = HealthServicer()
    _add_services(server, plane, health, settings, around)
    _serve_metrics(settings.metrics_listen, registry)
    running = asyncio.create_task(plane.run(), name="control-plane")
    stopping = asyncio.create_task(stop.wait(), name="stop-signal")
    serving = asyncio.create_task(_start(server, plane, health, replica), name="start-server")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.cancel()
        stopping.cancel()
        await health.enter_graceful_shutdown()
        await server.stop(settings.stop_grace_s)
        running.cancel()
        await asyncio.wait({running, serving})
    if not running.cancelled():
        running.result()  # something ended that never should: say what


def _scheduling(path: Path | None) -> Configuration:
    """The profiles of a file; raises ConfigurationError. What means nothing in it is logged."""
    if path is None:
        return Configuration()
    configuration = read_configuration(path.read_text(), str(path))
    for warning in configuration.warnings:
        log.warning("scheduler_config_ignored", file=str(path), what=warning)
    return configuration


async def _start(server: grpc.aio.Server, plane: ControlPlane, health: HealthServicer, replica: str) -> None:
    """Answer once there is something true to answer."""
    await plane.synced()
    settle()
    await server.start()
    for service in ("", *SERVICES):
        await health.set(service, health_pb2.HealthCheckResponse.SERVING)
    log.info("serving", address=replica)


def _add_services(
    server: grpc.aio.Server,
    plane: ControlPlane,
    health: HealthServicer,
    settings: ServerSettings,
    around: Surroundings,
) -> None:
    identity = Identity(__version__, around.cluster_id, around.replica, settings.roles)
    serving = Serving(registry=around.registry)
    objects = ObjectServicer(plane.api, plane.lister, plane.watches, plane.writer, identity, serving)
    pods = PodServicer(plane.objects, plane.sessions, plane.directory, around.replica, transport.channel)
    if "api" in settings.roles:
        add_ObjectServiceServicer_to_server(objects, server)
        add_NodeServiceServicer_to_server(NodeServicer(plane.sessions), server)
        add_PodServiceServicer_to_server(pods, server)
        add_InsightServiceServicer_to_server(InsightServicer(plane.insight, around.scheduling.text), server)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection([*SERVICES, reflection.SERVICE_NAME], server)


def _serve_metrics(address: str, registry: CollectorRegistry) -> None:
    if address:
        host, _, port = address.rpartition(":")
        start_http_server(int(port), host, registry)


async def _or_stop(work: Awaitable[str], stop: asyncio.Event) -> str | None:
    """The result of the work, or None when the process is told to stop before."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait(), name="stop-signal")
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
        return None
    return task.result()


@asynccontextmanager
async def _open_store(settings: ServerSettings) -> AsyncIterator[EtcdStore]:
    """The store: an etcd cluster that is given, or one of our own."""
    if settings.etcd:
        credentials = _credentials(settings.etcd_tls) if settings.etcd_tls else None
        store = EtcdStore.connect(EtcdSettings(settings.etcd, credentials=credentials))
        async with _maintained(store, MaintenanceSettings()):
            yield store
        return
    etcd = embedded(settings.state_dir)
    await etcd.start()
    keeping = asyncio.create_task(etcd.run(), name="etcd")
    store = EtcdStore.connect(EtcdSettings((etcd.endpoint,)))
    try:
        upkeep = MaintenanceSettings(
            snapshot_dir=settings.state_dir / "snapshots", quota_bytes=etcd.quota_bytes
        )
        async with _maintained(store, upkeep):
            yield store
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await etcd.stop()


@asynccontextmanager
async def _maintained(store: EtcdStore, settings: MaintenanceSettings) -> AsyncIterator[None]:
    """Compaction, defragmentation, snapshots and warnings go on meanwhile; then the store is closed."""
    upkeep = asyncio.create_task(Maintenance(store, settings, SystemClock()).run(), name="etcd-maintenance")
    try:
        yield
    finally:
        upkeep.cancel()
        await asyncio.wait({upkeep})
        await store.close()


def embedded(state_dir: Path) -> EmbeddedEtcd:
    """The etcd that belongs to a state directory."""
    return EmbeddedEtcd(EmbeddedSettings(state_dir / "etcd"), random.Random())


async def stop_store(state_dir: Path) -> None:
    """End an etcd that a killed control plane left running."""
    with locked(state_dir):
        etcd = embedded(state_dir)
        await etcd.stop_orphan()


def _credentials(tls: StoreTls) -> grpc.ChannelCredentials:
    def read(path: Path | None) -> bytes | None:
        return path.read_bytes() if path is not None else None

    return grpc.ssl_channel_credentials(read(tls.ca_file), read(tls.key_file), read(tls.cert_file))


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Nobody else may use the state directory meanwhile; the lock goes with the process."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(state_dir / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise AlreadyRunning(f"another control plane runs in {state_dir}") from error
    try:
        yield
    finally:
        os.close(handle)

"""PodService over gRPC: reaches into pods through the agent of their node, at whichever replica it is."""

from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio

from control_plane.nodes.directory import SessionDirectory
from control_plane.nodes.sessions import NodeSessions
from control_plane.objects.interface import Objects
from control_plane.server.errors import abort
from knarr.errors import ApiError, BadRequest, InternalError, NotFound, Subject, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as node_wire
from knarr.proto.services import pod_service_pb2 as wire
from knarr.proto.services.pod_service_pb2_grpc import PodServiceServicer, PodServiceStub
from knarr.session import ConnectionEnded

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
FORWARDED = "knarr-forwarded"  # set on a call that one replica passes on to another: once is enough

LogsContext = grpc.aio.ServicerContext[wire.LogsRequest, wire.LogsChunk]
Dial = Callable[[str], grpc.aio.Channel]


class PodServicer(PodServiceServicer):
    """Serves people's reach into their pods."""

    def __init__(
        self, objects: Objects, sessions: NodeSessions, directory: SessionDirectory, replica: str, dial: Dial
    ) -> None:
        self._objects = objects
        self._sessions = sessions
        self._directory = directory
        self._replica = replica
        self._dial = dial

    async def Logs(self, request: wire.LogsRequest, context: LogsContext) -> AsyncIterator[wire.LogsChunk]:
        try:
            pod = self._find(request.namespace, request.name)
            target = log_target(request, pod)
            forwarded = any(key == FORWARDED for key, _ in context.invocation_metadata() or ())
            holder = self._holder(pod.spec.nodeName)
            if holder != self._replica and not forwarded:
                async for chunk in self._forward(holder, request, context):
                    yield chunk
            else:
                async for chunk in self._read(pod.spec.nodeName, target):
                    yield chunk
        except ApiError as error:
            await abort(context, error)

    def _find(self, namespace: str, name: str) -> core.Pod:
        pod = self._objects.get(core.Pod, namespace, name)
        if pod is None:
            raise NotFound(f'pods "{name}" not found', subject=Subject(kind="pods", name=name))
        if not pod.spec.nodeName:
            raise BadRequest(f'pod "{name}" is not bound to a node yet; `knarr describe pod {name}` says why')
        return pod

    def _holder(self, node_name: str) -> str:
        entry = self._directory.get(node_name)
        if entry is None:
            raise Unavailable(f'the agent of node "{node_name}" is not connected')
        return entry.record.replica

    async def _read(self, node_name: str, target: node_wire.LogTarget) -> AsyncIterator[wire.LogsChunk]:
        connection = await self._sessions.open_logs(node_name, target)
        try:
            while True:
                frame = await connection.receive()
                if frame.data:
                    yield wire.LogsChunk(data=frame.data)
                if frame.HasField("end"):
                    if frame.end:
                        raise BadRequest(frame.end)
                    return
        except ConnectionEnded as error:
            raise Unavailable("the log ended early: the node agent disconnected") from error
        finally:
            await connection.close()

    async def _forward(
        self, holder: str, request: wire.LogsRequest, context: LogsContext
    ) -> AsyncIterator[wire.LogsChunk]:
        async with self._dial(holder) as channel:
            call = PodServiceStub(channel).Logs(request, metadata=((FORWARDED, self._replica),))
            try:
                async for chunk in call:
                    yield chunk
            except grpc.aio.AioRpcError as error:
                raise InternalError(f"replica {holder}: {error.details()}") from error


def log_target(request: wire.LogsRequest, pod: core.Pod) -> node_wire.LogTarget:
    """What the agent is asked for; raises BadRequest when the container is not named clearly."""
    names = [container.name for container in (*pod.spec.containers, *pod.spec.initContainers)]
    wanted = request.container or pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    if not wanted:
        if len(pod.spec.containers) > 1:
            raise BadRequest(
                f"a container name must be specified for pod {request.name}, choose one of: {names}"
            )
        wanted = pod.spec.containers[0].name
    if wanted not in names:
        raise BadRequest(f"container {wanted} is not valid for pod {request.name}, choose one of: {names}")
    target = node_wire.LogTarget(
        pod=node_wire.PodKey(namespace=request.namespace, name=request.name, uid=pod.metadata.uid),
        container=wanted,
        follow=request.follow,
        previous=request.previous,
        timestamps=request.timestamps,
    )
    if request.HasField("tail_lines"):
        target.tail_lines = request.tail_lines
    if request.HasField("since_seconds"):
        target.since_seconds = request.since_seconds
    if request.HasField("limit_bytes"):
        target.limit_bytes = request.limit_bytes
    return target

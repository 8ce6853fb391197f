"""Reaching into pods."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc.aio

from knarr.client import calls
from knarr.client.caller import Caller
from knarr.client.servers import Link
from knarr.proto.services import pod_service_pb2 as pod_wire


class Pods(Caller):
    """What pods say."""

    async def logs(self, request: pod_wire.LogsRequest) -> AsyncGenerator[bytes, None]:
        """A container's log, in pieces as they come. Raises NotFound, BadRequest (which container is not
        clear, or it has not started) and Unavailable. A log that breaks off is not resumed: lines would come
        twice."""
        link = await self._attempts.read(_over)
        call = link.pods.Logs(request)
        try:
            while True:
                with self._servers.call():
                    chunk = await call.read()
                if not isinstance(chunk, pod_wire.LogsChunk):
                    return
                yield chunk.data
        except grpc.aio.AioRpcError as error:
            raise calls.api_error(error) from error
        finally:
            call.cancel()

    async def log_lines(
        self,
        namespace: str,
        name: str,
        *,
        container: str = "",
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        since_s: int | None = None,
        timestamps: bool = False,
    ) -> AsyncGenerator[str, None]:
        """A container's log by lines, without their ends; what is no UTF-8 is replaced. Raises as logs
        does."""
        request = pod_wire.LogsRequest(
            namespace=namespace,
            name=name,
            container=container,
            follow=follow,
            previous=previous,
            timestamps=timestamps,
            tail_lines=tail,
            since_seconds=since_s,
        )
        rest = b""
        async with aclosing(self.logs(request)) as chunks:
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")


async def _over(link: Link, left_s: float) -> Link:
    """The connection itself, as soon as there is one."""
    return link

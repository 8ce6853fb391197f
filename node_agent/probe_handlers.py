"""One probe, once: a command, an HTTP request or a connection, and whether the answer is a healthy one.

The requests are made from the node, as the kubelet makes them; what an HTTP server says after its status
line is not read.
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from node_agent.runtime.errors import RuntimeFailure
from node_agent.runtime.interface import Commands

_OUTPUT_CHARS = 512
_STATUS_LINE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Target:
    """What is probed."""

    container_id: str
    pod_ip: str
    container: core.Container
    commands: Commands


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; the message says why it is not healthy."""

    healthy: bool
    message: str = ""


async def probe_once(probe: core.Probe, target: Target, timeout_s: float) -> Outcome:
    """Never raises but for cancellation: what goes wrong is an unhealthy outcome."""
    handler = probe.handler
    try:
        async with asyncio.timeout(timeout_s):
            if handler.HasField("exec"):
                return await _run(getattr(handler, "exec"), target, timeout_s)  # noqa: B009 (a keyword once)
            if handler.HasField("httpGet"):
                return await _get(handler.httpGet, target)
            if handler.HasField("tcpSocket"):
                return await _connect(handler.tcpSocket, target)
    except TimeoutError:
        return Outcome(False, f"no answer within {timeout_s:g}s")
    except (OSError, RuntimeFailure, ValueError) as error:
        return Outcome(False, str(error))
    return Outcome(False, "the probe names no handler that this agent supports")


async def _run(action: core.ExecAction, target: Target, timeout_s: float) -> Outcome:
    result = await target.commands.run(target.container_id, tuple(action.command), timeout_s)
    if result.exit_code == 0:
        return Outcome(True)
    text = result.output.decode("utf-8", "replace").strip()[:_OUTPUT_CHARS]
    return Outcome(False, text or f"the command ended with exit code {result.exit_code}")


async def _connect(action: core.TCPSocketAction, target: Target) -> Outcome:
    port = _port(action.port, target.container)
    _, writer = await asyncio.open_connection(action.host or target.pod_ip, port)
    await _close(writer)
    return Outcome(True)


async def _get(action: core.HTTPGetAction, target: Target) -> Outcome:
    host, port = action.host or target.pod_ip, _port(action.port, target.container)
    context = _unverified() if action.scheme.upper() == "HTTPS" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_STATUS_LINE_BYTES)
    try:
        writer.write(_request(action, f"{host}:{port}"))
        await writer.drain()
        line = await reader.readline()
    finally:
        await _close(writer)
    parts = line.split()
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():
        return Outcome(False, "the answer is not HTTP")
    code = int(parts[1])
    return (
        Outcome(True) if 200 <= code < 400 else Outcome(False, f"HTTP probe failed with statuscode: {code}")
    )


def _request(action: core.HTTPGetAction, host: str) -> bytes:
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    given = {header.name.lower(): header.value for header in action.httpHeaders}
    headers = {"host": host, "user-agent": "knarr-probe", "accept": "*/*", **given, "connection": "close"}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in the probe's path or headers")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _port(port: meta.IntOrString, container: core.Container) -> int:
    """The number of a port given by number or name. Raises ValueError."""
    if port.type == 0:
        return port.intVal
    for found in container.ports:
        if found.name == port.strVal:
            return found.containerPort
    raise ValueError(f'the container has no port named "{port.strVal}"')


def _unverified() -> ssl.SSLContext:
    """Probes do not verify certificates, as the kubelet's do not."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()

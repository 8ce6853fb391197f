"""Probes: thresholds as a table, requests against a real socket, and what follows in the pod."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.probe_handlers import Outcome, Target, probe_once
from node_agent.probes import Tally, Thresholds
from node_agent.runtime.fake import FakeEngine, FakeHost
from node_agent.runtime.interface import CommandResult
from tests.support.agents import CLUSTER, StubServer
from tests.support.node import NODE, make_agent, running
from tests.support.pods import pod

pytestmark = pytest.mark.timeout(30)


def verdicts(results: str, *, success: int, failure: int) -> str:
    """The verdict after each result: + and - as letters, . for none yet."""
    tally, thresholds, said = Tally(), Thresholds(0, 1, 10, success, failure), ""
    for result in results:
        tally = tally.counted(result == "+", thresholds)
        said += {None: ".", True: "+", False: "-"}[tally.verdict]
    return said


@pytest.mark.parametrize(
    ("results", "success", "failure", "expected"),
    [
        ("+", 1, 3, "+"),
        ("++", 2, 3, ".+"),
        ("---", 1, 3, "..-"),
        ("--+---", 1, 3, "..+++-"),
        ("+--+--+", 1, 3, "+++++++"),
        ("+---+", 1, 3, "+++-+"),
        ("-+", 1, 1, "-+"),
    ],
)
def test_thresholds(results: str, success: int, failure: int, expected: str) -> None:
    assert verdicts(results, success=success, failure=failure) == expected


@given(st.text("+-", max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_a_verdict_needs_a_whole_run(results: str, success: int, failure: int) -> None:
    said = verdicts(results, success=success, failure=failure)
    for index, verdict in enumerate(said):
        before = said[index - 1] if index else "."
        if verdict != before:
            run = success if verdict == "+" else failure
            assert results[index + 1 - run : index + 1] == verdict * run


def test_defaults() -> None:
    assert Thresholds.of(core.Probe()) == Thresholds(0, 1, 10, 1, 3)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], AsyncIterator[None]]


@asynccontextmanager
async def listening(answer: bytes, seen: list[bytes] | None = None) -> AsyncIterator[int]:
    """A port that answers every connection so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n") if answer else b""
        if seen is not None:
            seen.append(request)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def target(commands: dict[tuple[str, ...], CommandResult] | None = None) -> Target:
    host = FakeHost(SystemClock(), commands=commands or {})
    container = core.Container(name="main")
    container.ports.add(name="web", containerPort=1)
    return Target("none", "127.0.0.1", container, FakeEngine(host, cluster="c", node="n"))


@pytest.mark.parametrize(
    ("answer", "healthy", "message"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True, ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", True, ""),
        (b"HTTP/1.0 399 x\r\n\r\n", True, ""),
        (b"HTTP/1.1 400 Bad\r\n\r\n", False, "HTTP probe failed with statuscode: 400"),
        (b"HTTP/1.1 503 x\r\n\r\n", False, "HTTP probe failed with statuscode: 503"),
        (b"SSH-2.0-x\r\n", False, "the answer is not HTTP"),
        (b"\r\n", False, "the answer is not HTTP"),
    ],
)
async def test_http(answer: bytes, healthy: bool, message: str) -> None:
    probe = core.Probe()
    async with listening(answer) as port:
        probe.handler.httpGet.port.intVal = port
        assert await probe_once(probe, target(), 5) == Outcome(healthy, message)


async def test_http_request_as_asked() -> None:
    probe, seen = core.Probe(), list[bytes]()
    async with listening(b"HTTP/1.1 200 OK\r\n\r\n", seen) as port:
        action = probe.handler.httpGet
        action.port.intVal, action.path = port, "/healthz?full=1"
        action.httpHeaders.add(name="Host", value="shop.example")
        action.httpHeaders.add(name="X-Probe", value="1")
        assert (await probe_once(probe, target(), 5)).healthy
        action.httpHeaders.add(name="X", value="a\r\nEvil: 1")
        assert not (await probe_once(probe, target(), 5)).healthy
    assert seen[0].startswith(b"GET /healthz?full=1 HTTP/1.1\r\n")
    assert b"host: shop.example\r\n" in seen[0]
    assert b"x-probe: 1\r\n" in seen[0]
    assert len(seen) == 1


async def test_tcp() -> None:
    probe = core.Probe()
    async with listening(b"") as port:
        probe.handler.tcpSocket.port.intVal = port
        assert (await probe_once(probe, target(), 5)).healthy
    assert not (await probe_once(probe, target(), 5)).healthy
    probe.handler.tcpSocket.port.type, probe.handler.tcpSocket.port.strVal = 1, "none"
    assert (await probe_once(probe, target(), 5)).message == 'the container has no port named "none"'


async def test_silence_is_a_failure() -> None:
    silent = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        probe = core.Probe()
        probe.handler.httpGet.port.intVal = server.sockets[0].getsockname()[1]
        assert await probe_once(probe, target(), 0.05) == Outcome(False, "no answer within 0.05s")
        silent.set()


async def test_a_probe_without_a_handler() -> None:
    assert not (await probe_once(core.Probe(), target(), 1)).healthy


CHECK = ("check",)


def probed(kind: str) -> core.Pod:
    made = pod()
    probe = getattr(made.spec.containers[0], kind)
    probe.handler.exec.command.extend(CHECK)
    probe.periodSeconds, probe.failureThreshold = 1, 1
    return made


async def test_readiness_follows_the_probe() -> None:
    host = FakeHost(SystemClock(), commands={CHECK: CommandResult(1, b"not yet")})
    server, web = StubServer(), probed("readinessProbe")
    async with running(make_agent(server, FakeEngine(host, cluster=CLUSTER, node=NODE))):
        await server.assign(web)
        await server.until(lambda: any(e.reason == "Unhealthy" for e in server.events), "it is told")
        assert not server.ready(web)
        assert server.container(web).started
        host.commands[CHECK] = CommandResult(0, b"")
        await server.until(lambda: server.ready(web), "it becomes ready")
        host.commands[CHECK] = CommandResult(1, b"")
        await server.until(lambda: not server.ready(web), "and unready again")
        assert server.container(web).restartCount == 0
    await server.close()


@pytest.mark.parametrize("kind", ["livenessProbe", "startupProbe"])
async def test_a_container_that_fails_is_restarted(kind: str) -> None:
    probes = 0

    def interfere(verb: str, subject: str) -> float:
        """Only the first probe finds the container at fault."""
        nonlocal probes
        if verb == "run":
            probes += 1
            host.commands[CHECK] = CommandResult(1, b"deadlock") if probes == 1 else CommandResult(0, b"")
        return 0.0

    host = FakeHost(SystemClock(), interfere=interfere)
    server, web = StubServer(), probed(kind)
    async with running(make_agent(server, FakeEngine(host, cluster=CLUSTER, node=NODE))):
        await server.assign(web)
        await server.until(lambda: server.container(web).restartCount == 1, "it is restarted")
        await server.until(lambda: server.ready(web), "it runs again")
    messages = [event.message for event in server.events if event.reason == "Unhealthy"]
    assert messages == [f"{kind.removesuffix('Probe').capitalize()} probe failed: deadlock"]
    await server.close()


async def test_a_startup_probe_holds_the_others_back() -> None:
    host = FakeHost(SystemClock(), commands={CHECK: CommandResult(0, b"")})
    server, web = StubServer(), probed("startupProbe")
    web.spec.containers[0].livenessProbe.handler.exec.command.append("never")
    web.spec.containers[0].livenessProbe.initialDelaySeconds = 3600
    async with running(make_agent(server, FakeEngine(host, cluster=CLUSTER, node=NODE))):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "it has started")
        assert server.container(web).started
    await server.close()

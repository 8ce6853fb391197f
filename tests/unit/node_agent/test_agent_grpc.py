"""The agent's gRPC transport: sessions, streams, refusals and several servers, over the loopback."""

import asyncio
import socket

import pytest

from knarr.clock import SystemClock
from knarr.errors import Conflict, Unavailable
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import AgentConnection, ConnectionEnded
from node_agent.runtime.fake import FakeEngine, FakeHost, Program
from node_agent.transport import GrpcAgentTransport
from tests.support.agents import CLUSTER, StubServer
from tests.support.node import NODE, make_agent, running
from tests.support.node_service import served
from tests.support.pods import pod

pytestmark = pytest.mark.timeout(30)


def dead_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def test_an_agent_over_grpc() -> None:
    stub, web = StubServer(), pod()
    host = FakeHost(SystemClock(), program=lambda spec: Program(output=b"hello\n"))
    async with served(stub) as address:
        transport = GrpcAgentTransport([address])
        async with running(make_agent(transport, FakeEngine(host, cluster=CLUSTER, node=NODE))):
            await stub.until(lambda: stub.beats > 0, "it is connected")
            await stub.assign(web)
            await stub.until(lambda: stub.ready(web), "the pod is ready")
            target = wire.LogTarget(container="main")
            target.pod.uid = web.metadata.uid
            assert await stub.open_logs(target) == (b"hello\n", "")
        await transport.close()


async def test_the_next_server_is_tried() -> None:
    stub = StubServer()
    async with served(stub) as address:
        transport = GrpcAgentTransport([dead_address(), address])
        answer = await transport.bootstrap(wire.BootstrapRequest(node_name="a", machine_id="m"))
        assert answer.cluster_id == CLUSTER
        await transport.close()


async def test_nobody_answers() -> None:
    transport = GrpcAgentTransport([dead_address()])
    with pytest.raises(Unavailable):
        await transport.bootstrap(wire.BootstrapRequest(node_name="a"))
    with pytest.raises(Unavailable):
        await transport.session()
    await transport.close()


async def test_a_refusal_keeps_its_reason() -> None:
    stub = StubServer()
    stub.owner = "somebody else"
    async with served(stub) as address:
        transport = GrpcAgentTransport([address])
        with pytest.raises(Conflict, match="in use by another machine"):
            await transport.bootstrap(wire.BootstrapRequest(node_name="a", machine_id="m"))
        await transport.close()


async def test_a_server_that_goes_ends_the_session() -> None:
    stub = StubServer()
    async with served(stub) as address:
        transport = GrpcAgentTransport([address])
        connection = await transport.session()
        await connection.send(wire.AgentMessage(register=wire.Register(node_name="a")))
        assert (await connection.receive()).HasField("welcome")
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionEnded):
            await drain(connection)
        with pytest.raises(ConnectionEnded):
            await connection.send(wire.AgentMessage(heartbeat=wire.Heartbeat(sequence=1)))
    await transport.close()


async def drain(connection: AgentConnection) -> None:
    while True:
        await connection.receive()

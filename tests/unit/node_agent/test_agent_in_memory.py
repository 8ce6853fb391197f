"""A whole agent on the fake engine, with an in-memory control plane: sessions, adoption, loss, recovery."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.agent import Agent
from node_agent.assignment_store import MemoryAssignmentStore
from node_agent.errors import NodeNameTaken, WrongCluster
from node_agent.runtime.errors import EngineUnavailable, RuntimeFailure
from node_agent.runtime.fake import FakeEngine, FakeHost, Program
from node_agent.runtime.interface import ContainerSpec, ImageState, Phase, Role
from node_agent.volumes import VolumeFiles
from tests.support.agents import CLUSTER, StubServer
from tests.support.node import NODE, make_agent, running
from tests.support.pods import deleted, pod

pytestmark = pytest.mark.timeout(30)


@dataclass
class Node:
    """A machine with the fake engine, and what survives an agent on it."""

    host: FakeHost
    server: StubServer
    store: MemoryAssignmentStore

    def agent(self) -> Agent:
        engine = FakeEngine(self.host, cluster=CLUSTER, node=NODE)
        return make_agent(self.server, engine, store=self.store)


@pytest.fixture
def node() -> Node:
    return Node(FakeHost(SystemClock()), StubServer(), MemoryAssignmentStore())


def members(host: FakeHost) -> list[str]:
    return [s.id for s in host.containers() if s.identity.role is Role.MEMBER and s.phase is Phase.RUNNING]


async def test_it_registers_with_what_the_machine_is(node: Node) -> None:
    async with running(node.agent()):
        await node.server.until(lambda: node.server.beats >= 2, "heartbeats come")
    (register,) = node.server.registrations
    status = register.node.status
    assert register.node.metadata.labels["kubernetes.io/hostname"] == NODE
    assert register.node.metadata.labels["kubernetes.io/arch"] == "amd64"
    assert (status.capacity["cpu"].string, status.capacity["pods"].string) == ("2", "110")
    assert {address.type: address.address for address in status.addresses} == {
        "InternalIP": "127.0.0.1",
        "Hostname": NODE,
    }
    assert status.nodeInfo.containerRuntimeVersion == "test://1"
    assert [(c.type, c.status) for c in node.server.conditions] == [("Ready", "True")]
    await node.server.close()


async def test_a_pod_from_assignment_to_its_end(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        await server.assign(deleted(web))
        await server.until(lambda: server.terminated(web), "it has terminated")
        assert len(node.host.containers()) == 2, "its containers stay for their logs"
        await server.assign()
        await server.until(lambda: not node.host.containers(), "its containers are removed")
    reasons = [event.reason for event in server.events]
    assert reasons == ["Started", "Killing", "Killing"]
    await server.close()


async def test_a_removed_pod_is_reported_terminated(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        await server.assign()
        await server.until(lambda: server.terminated(web), "its end is reported")
        await server.until(lambda: not node.host.containers(), "nothing is left")
    await server.close()


async def test_a_new_agent_adopts_without_a_control_plane(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        while await node.store.load() is None:  # noqa: ASYNC110 (the store has no event)
            await asyncio.sleep(0.01)
    before = members(node.host)
    server.reachable = False
    async with running(node.agent()):
        # The machine loses a container while nobody but the agent can know that it is wanted.
        node.host.kill(before[0], 1)
        async with asyncio.timeout(10):
            while len(node.host.starts) < 3:  # noqa: ASYNC110 (the fake host has no event)
                await asyncio.sleep(0.01)
    infra = [s for s in node.host.starts if s.identity.role is Role.INFRA]
    assert len(infra) == 1, "the sandbox was adopted"
    await server.close()


async def test_a_lost_connection_changes_nothing_that_runs(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        before = members(node.host)
        server.reports.clear()
        await server.disconnect()
        await server.until(lambda: len(server.registrations) == 2, "it comes back")
        await server.until(lambda: server.ready(web), "and reports everything again")
        assert members(node.host) == before
        assert server.registrations[1].last_epoch == 1
        assert [key.name for key in server.registrations[1].pods] == ["web"]
    await server.close()


async def test_reports_go_on_until_they_are_acknowledged(node: Node) -> None:
    web, server = pod(), node.server
    server.acknowledges = False
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: web.metadata.uid in server.reports, "a first report comes")
        server.acknowledges = True
        server.reports.clear()
        await server.disconnect()
        await server.until(lambda: server.ready(web), "the newest state comes with the next session")
    await server.close()


async def test_pods_deleted_meanwhile_are_stopped_by_the_full_assignment(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        server.assignment = wire.Assignment(full=True)
        await server.disconnect()
        await server.until(lambda: server.terminated(web), "it is gone")
    await server.close()


async def test_containers_that_nobody_knows_are_stopped_once_the_server_has_spoken(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
    server.assignment, server.reachable = wire.Assignment(full=True), False
    node.store = MemoryAssignmentStore()
    listed = asyncio.Event()

    def interfere(verb: str, subject: str) -> float:
        if verb == "list" and subject == "":
            listed.set()
        return 0.0

    node.host.interfere = interfere
    async with running(node.agent()):
        await listed.wait()
        for _ in range(20):  # whatever it does with what it has seen is done by then
            await asyncio.sleep(0)
        assert len(members(node.host)) == 1
        server.reachable = True
        await server.until(lambda: server.terminated(web), "they are stopped")
    await server.close()


async def test_fenced_it_comes_back_when_the_node_is_still_its_own(node: Node) -> None:
    server = node.server
    async with running(node.agent()):
        await server.until(lambda: server.beats > 0, "the session stands")
        await server.fence()
        await server.until(lambda: len(server.registrations) == 2, "a new session")
    await server.close()


async def test_fenced_by_another_machine_it_ends(node: Node) -> None:
    server = node.server
    async with running(node.agent()) as task:
        await server.until(lambda: server.beats > 0, "the session stands")
        server.owner = "another machine"
        await server.fence()
        async with asyncio.timeout(10):
            with pytest.raises(NodeNameTaken, match="in use by another machine"):
                await task
    await server.close()


async def test_a_server_of_another_cluster_is_refused(node: Node) -> None:
    node.server.cluster = "another-cluster"
    async with running(node.agent()) as task, asyncio.timeout(10):
        with pytest.raises(WrongCluster, match="another-cluster"):
            await task
    await node.server.close()


async def test_an_engine_that_is_away_makes_the_node_unready(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        node.host.reachable = False
        node.host.disconnect()
        await server.until(
            lambda: any(c.reason == "EngineUnavailable" for c in server.conditions), "it is told"
        )
        node.host.reachable = True
        await server.until(lambda: any(c.status == "True" for c in server.conditions), "and its end")
    await server.close()


async def test_failures_of_the_engine_are_survived(node: Node) -> None:
    calls = 0

    def interfere(verb: str, subject: str) -> float:
        nonlocal calls
        calls += 1
        if verb in ("create", "start", "list") and calls % 4 == 0:
            raise EngineUnavailable("try again")
        return 0.0

    web, server = pod(), node.server
    node.host.interfere = interfere
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready all the same")
        assert len(members(node.host)) == 1
    await server.close()


@pytest.mark.parametrize(
    ("policy", "images", "registry", "reason"),
    [
        ("Never", {}, {"busybox:latest": ImageState("sha256:1")}, "ErrImageNeverPull"),
        ("IfNotPresent", {}, {}, "ErrImagePull"),
        ("Always", {"busybox:latest": ImageState("sha256:1")}, {}, "ErrImagePull"),
        ("IfNotPresent", {"busybox:latest": ImageState("sha256:1")}, {}, ""),
        ("IfNotPresent", {}, {"busybox:latest": ImageState("sha256:1")}, ""),
        ("Always", {}, {"busybox:latest": ImageState("sha256:1")}, ""),
        ("Never", {"busybox:latest": ImageState("sha256:1")}, {}, ""),
    ],
)
async def test_pull_policies(
    policy: str, images: dict[str, ImageState], registry: dict[str, ImageState], reason: str
) -> None:
    host = FakeHost(
        SystemClock(), images={"knarr/pause:1": ImageState("sha256:0")} | images, registry=registry
    )
    node = Node(host, StubServer(), MemoryAssignmentStore())
    web, server = pod(), node.server
    web.spec.containers[0].imagePullPolicy = policy
    async with running(node.agent()):
        await server.assign(web)
        await server.until(
            lambda: server.container(web).state.waiting.reason == reason if reason else server.ready(web),
            reason or "it runs",
        )
    await server.close()


async def test_a_missing_config_map_holds_the_container_back_until_it_comes(node: Node) -> None:
    web, server = pod(), node.server
    reference = web.spec.containers[0].envFrom.add().configMapRef
    reference.localObjectReference.name = "texts"
    async with running(node.agent()):
        await server.assign(web)
        await server.until(
            lambda: server.container(web).state.waiting.reason == "CreateContainerConfigError", "it waits"
        )
        assert server.container(web).state.waiting.message == 'configmap "texts" not found'
        made = core.ConfigMap(data={"A": "1"})
        made.metadata.name, made.metadata.namespace = "texts", "default"
        await server.assign(web, config_maps=(made,))
        await server.until(lambda: server.ready(web), "it starts at once")
    await server.close()


async def test_a_claim_without_a_volume_holds_the_containers_back_until_it_has_one(
    node: Node, tmp_path: Path
) -> None:
    web, server = pod(), node.server
    web.spec.volumes.add(name="data").volumeSource.persistentVolumeClaim.claimName = "shelf"
    web.spec.containers[0].volumeMounts.add(name="data", mountPath="/data")
    engine = FakeEngine(node.host, cluster=CLUSTER, node=NODE)
    files = VolumeFiles(tmp_path / "disk", tmp_path / "memory")
    async with running(make_agent(server, engine, files=files)):
        await server.assign(web)
        await server.until(
            lambda: server.container(web).state.waiting.reason == "CreateContainerConfigError", "it waits"
        )
        message = 'waiting until persistentvolumeclaim "shelf" has a volume that this node reaches'
        assert server.container(web).state.waiting.message == message
        assert [e.message for e in server.events if e.reason == "Failed"] == [message]
        bound = core.Pod()
        bound.CopyFrom(web)
        bound.spec.volumes[0].volumeSource.ClearField("persistentVolumeClaim")
        bound.spec.volumes[0].volumeSource.hostPath.path = str(tmp_path / "shelf")
        await server.assign(bound)
        await server.until(lambda: server.ready(web), "it starts at once")
    await server.close()


async def test_a_port_that_is_taken_is_told(node: Node) -> None:
    first, second, server = pod("first"), pod("second"), node.server
    for each in (first, second):
        each.spec.containers[0].ports.add(containerPort=80, hostPort=8080)
    async with running(node.agent()):
        await server.assign(first)
        await server.until(lambda: server.ready(first), "the first has it")
        await server.assign(first, second)
        await server.until(
            lambda: "port is already allocated" in server.container(second).state.waiting.message, "told"
        )
        assert server.container(second).state.waiting.reason == "ContainerCreating"
    await server.close()


async def test_jobs_succeed_and_fail(node: Node) -> None:
    def program(spec: ContainerSpec) -> Program:
        if spec.identity.role is Role.INFRA:
            return Program()
        return Program(runs_s=0.05, exit_code=1 if spec.identity.pod.name == "bad" else 0, oom=False)

    node.host.program = program
    good, bad, server = pod("good", restart="Never"), pod("bad", restart="Never"), node.server
    async with running(node.agent()):
        await server.assign(good, bad)
        await server.until(lambda: server.phase(good) == "Succeeded", "the good one")
        await server.until(lambda: server.phase(bad) == "Failed", "the bad one")
        assert server.container(good).state.terminated.reason == "Completed"
        assert server.container(bad).state.terminated.reason == "Error"
        assert len([s for s in node.host.starts if s.identity.role is Role.MEMBER]) == 2
    await server.close()


async def test_logs_travel_over_a_stream(node: Node) -> None:
    node.host.program = lambda spec: Program(output=b"one\ntwo\nthree\n")
    web, server = pod(), node.server
    target = wire.LogTarget(container="main", tail_lines=2)
    target.pod.uid, target.pod.name = web.metadata.uid, "web"
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        assert await server.open_logs(target) == (b"two\nthree\n", "")
        target.limit_bytes = 5
        assert await server.open_logs(target) == (b"two\nt", "")
        target.previous = True
        assert await server.open_logs(target) == (
            b"",
            'previous terminated container "main" in pod "web" not found',
        )
        unknown = wire.LogTarget(container="none")
        unknown.pod.uid, unknown.pod.name = web.metadata.uid, "web"
        assert (await server.open_logs(unknown))[1] == 'container "none" in pod "web" is waiting to start'
    await server.close()


async def test_a_defect_with_one_pod_does_not_stop_the_others(node: Node) -> None:
    def interfere(verb: str, subject: str) -> float:
        if verb == "find" and subject == "bad:1":
            raise ZeroDivisionError("a defect")
        if verb == "find" and subject == "refused:1":
            raise RuntimeFailure("not today")
        return 0.0

    node.host.interfere = interfere
    bad, good, server = pod("bad", image="bad:1"), pod("good"), node.server
    refused = pod("refused", image="refused:1")
    async with running(node.agent()):
        await server.assign(bad)
        await server.assign(bad, refused, good)
        await server.until(lambda: server.ready(good), "the good one runs")
        await server.until(
            lambda: server.container(refused).state.waiting.message == "not today", "the refusal is told"
        )
    await server.close()


async def test_cancelling_stops_no_container(node: Node) -> None:
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
    assert len(members(node.host)) == 1
    await server.close()


async def test_a_pause_image_of_a_registry_is_pulled(node: Node) -> None:
    here = {"busybox:latest": ImageState("sha256:1")}
    node.host = FakeHost(SystemClock(), images=here, registry={"knarr/pause:1": ImageState("sha256:0")})
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
    await server.close()


async def test_an_engine_that_cannot_stop_is_asked_again_in_time(node: Node) -> None:
    asked = 0

    def interfere(verb: str, subject: str) -> float:
        nonlocal asked
        if verb == "stop":
            asked += 1
            if asked == 1:
                raise RuntimeFailure("cannot stop")
        return 0.0

    node.host.interfere = interfere
    web, server = pod(), node.server
    async with running(node.agent()):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        await server.assign(deleted(web))
        await server.until(lambda: server.terminated(web), "it is stopped at last")
    assert asked == 3, "the member twice, the sandbox once"
    await server.close()

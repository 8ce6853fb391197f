"""A whole agent on a real Docker engine, with an in-memory control plane: what users see of their pods."""

import asyncio
import socket
from pathlib import Path

import pytest

from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.assignment_store import FileAssignmentStore
from node_agent.runtime.docker.engine import DockerEngine
from node_agent.runtime.interface import Phase, Role
from node_agent.volumes import VolumeFiles
from tests.support.agents import StubServer
from tests.support.images import DOCKER_URL, NGINX
from tests.support.node import NODE, make_agent, running
from tests.support.pods import SLEEP, deleted, pod

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


def ids(found: tuple[object, ...]) -> list[str]:
    return sorted(getattr(state, "id", "") for state in found)


async def test_a_pod_runs_is_reported_and_goes(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod()
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        status = server.reports[web.metadata.uid].status
        assert status.phase == "Running"
        assert status.podIP.startswith("172.")
        assert status.qosClass == "BestEffort"
        assert status.containerStatuses[0].containerID.startswith("docker://")
        await server.assign(deleted(web))
        await server.until(lambda: server.terminated(web), "the pod has terminated")
        # Its containers stay for their logs until its object is gone.
        assert len(await docker_engine.list()) == 2
        await server.assign()
        await until_empty(docker_engine)
    await server.close()


async def until_empty(engine: DockerEngine) -> None:
    async with asyncio.timeout(30):
        async for _ in engine.events():
            if not await engine.list():
                return


async def http_get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_published_port_answers_with_the_pods_name(docker_engine: DockerEngine) -> None:
    server, port = StubServer(), free_port()
    web = pod("web-0", image=NGINX, command=())
    web.spec.containers[0].ports.add(containerPort=80, hostPort=port, hostIP="127.0.0.1")
    web.spec.containers[0].readinessProbe.handler.httpGet.port.intVal = 80
    web.spec.containers[0].readinessProbe.periodSeconds = 1
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the readiness probe succeeds")
        assert b"Pod web-0 answers" in await http_get(port)
    await server.close()


async def test_an_agent_that_restarts_adopts_what_runs(docker_engine: DockerEngine, tmp_path: Path) -> None:
    server, store = StubServer(), FileAssignmentStore(tmp_path / "assignment")
    web, job = pod("web"), pod("job", command=("sh", "-c", "exit 0"), restart="Never")
    async with running(make_agent(server, docker_engine, store=store)):
        await server.assign(web, job)
        await server.until(lambda: server.ready(web), "the pod is ready")
        await server.until(lambda: server.phase(job) == "Succeeded", "the job has ended")
        await saved(store, job)
    before = {state.id: state.started_at for state in await docker_engine.list()}
    server.reachable = False
    async with running(make_agent(server, docker_engine, store=store)):
        # No control plane answers: the pods are known from the disk.
        victim = next(s for s in await docker_engine.list() if s.identity.container == "main")
        server.reachable = True
        await server.until(lambda: server.ready(web), "the new agent reports the pod")
        await server.until(lambda: server.phase(job) == "Succeeded", "and the job")
        assert {state.id: state.started_at for state in await docker_engine.list()} == before
        assert victim.phase in (Phase.RUNNING, Phase.EXITED)
    await server.close()


async def saved(store: FileAssignmentStore, wanted: core.Pod) -> None:
    """Wait until the pod stands on the disk."""
    async with asyncio.timeout(10):
        while True:
            found = await store.load()
            if found is not None and wanted.metadata.uid in {pod.metadata.uid for pod in found.pods}:
                return


async def test_a_killed_container_is_replaced(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod()
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        first = next(s for s in await docker_engine.list() if s.identity.role is Role.MEMBER)
        await docker_engine.remove(first.id)
        await server.until(
            lambda: server.container(web).restartCount == 1 and server.container(web).ready, "it runs again"
        )
        members = [s for s in await docker_engine.list() if s.identity.role is Role.MEMBER]
        assert [s.identity.attempt for s in members] == [1]
    await server.close()


async def test_a_crash_loop_backs_off_and_keeps_the_last_log(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod(command=("sh", "-c", "echo run; exit 3"))
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(
            lambda: server.container(web).state.waiting.reason == "CrashLoopBackOff", "it crashes in a loop"
        )
        found = server.container(web)
        assert found.restartCount == 1
        assert found.lastState.terminated.exitCode == 3
        assert found.lastState.terminated.reason == "Error"
        assert found.state.waiting.message.startswith("back-off 10s restarting failed container=main")
        target = wire.LogTarget(container="main", previous=True)
        target.pod.uid, target.pod.name = web.metadata.uid, "web"
        assert await server.open_logs(target) == (b"run\n", "")
    await server.close()


async def test_out_of_memory_is_named(docker_engine: DockerEngine) -> None:
    server = StubServer()
    hungry = pod(command=("tail", "/dev/zero"), restart="Never")
    hungry.spec.containers[0].resources.limits["memory"].string = "16Mi"
    async with running(make_agent(server, docker_engine)):
        await server.assign(hungry)
        await server.until(lambda: server.phase(hungry) == "Failed", "it has failed")
        ended = server.container(hungry).state.terminated
        assert (ended.reason, ended.exitCode) == ("OOMKilled", 137)
    await server.close()


async def test_who_ignores_the_signal_is_killed_after_the_grace(docker_engine: DockerEngine) -> None:
    server, clock = StubServer(), SystemClock()
    stubborn = pod(command=("sh", "-c", "trap '' TERM; while :; do sleep 1; done"), grace_s=2)
    async with running(make_agent(server, docker_engine)):
        await server.assign(stubborn)
        await server.until(lambda: server.ready(stubborn), "it runs")
        began = clock.monotonic()
        await server.assign(deleted(stubborn))
        await server.until(lambda: server.terminated(stubborn), "it was killed")
        assert clock.monotonic() - began >= 1.9
        assert server.container(stubborn).state.terminated.exitCode == 137
    await server.close()


async def test_a_missing_image_is_told(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod(image="localhost:1/no/such:image")
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.container(web).state.waiting.reason == "ErrImagePull", "it fails")
        await server.until(
            lambda: server.container(web).state.waiting.reason == "ImagePullBackOff", "it backs off"
        )
        assert "localhost:1" in server.container(web).state.waiting.message
        assert server.phase(web) == "Pending"
    await server.close()


async def test_volumes_environment_and_init_containers(docker_engine: DockerEngine, tmp_path: Path) -> None:
    server = StubServer()
    config = core.ConfigMap(data={"greeting": "hello"})
    config.metadata.name, config.metadata.namespace = "texts", "default"
    script = 'cat /scratch/made /config/greeting; echo " $WHO $GREETING $(hostname)"; exec sleep 3600'
    web = pod("web-1", command=("sh", "-c", script), grace_s=0)
    main = web.spec.containers[0]
    main.env.add(name="WHO").valueFrom.fieldRef.fieldPath = "metadata.name"
    reference = main.env.add(name="GREETING").valueFrom.configMapKeyRef
    reference.localObjectReference.name, reference.key = "texts", "greeting"
    web.spec.volumes.add(name="scratch").volumeSource.emptyDir.SetInParent()
    web.spec.volumes.add(name="config").volumeSource.configMap.localObjectReference.name = "texts"
    main.volumeMounts.add(name="scratch", mountPath="/scratch")
    main.volumeMounts.add(name="config", mountPath="/config")
    init = web.spec.initContainers.add(name="setup", image=main.image, imagePullPolicy="IfNotPresent")
    init.command.extend(("sh", "-c", "echo -n made- > /scratch/made"))
    init.volumeMounts.add(name="scratch", mountPath="/scratch")
    files = VolumeFiles(tmp_path / "pods", tmp_path / "memory")
    async with running(make_agent(server, docker_engine, files=files)):
        await server.assign(web, config_maps=(config,))
        await server.until(lambda: server.ready(web), "the pod is ready")
        target = wire.LogTarget(container="main")
        target.pod.uid = web.metadata.uid
        assert await server.open_logs(target) == (b"made-hello web-1 hello web-1\n", "")
        await server.assign()
        await until_empty(docker_engine)
    await server.close()


async def test_unknown_pods_of_the_node_are_removed(docker_engine: DockerEngine, cluster: str) -> None:
    server, web = StubServer(), pod(grace_s=1)
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
    server.assignment = wire.Assignment(full=True)  # deleted while no agent ran, and its disk was lost
    other = DockerEngine(DOCKER_URL, cluster=cluster, node=NODE, clock=SystemClock())
    async with running(make_agent(server, other)):
        await until_empty(docker_engine)
        await server.until(lambda: server.terminated(web), "its end is reported")
    await other.close()
    await server.close()


async def test_a_command_that_is_not_there(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod(command=("/no/such/program",))
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(
            lambda: (
                server.container(web).lastState.terminated.reason == "StartError"
                or server.container(web).state.waiting.reason == "CreateContainerError"
            ),
            "the engine's words are told",
        )
        text = str(server.reports[web.metadata.uid].status)
        assert "no such file or directory" in text
    await server.close()


async def test_a_changed_image_restarts_that_container_alone(docker_engine: DockerEngine) -> None:
    server, web = StubServer(), pod(command=SLEEP)
    web.spec.containers.add(name="side", image=NGINX, command=SLEEP, imagePullPolicy="IfNotPresent")
    async with running(make_agent(server, docker_engine)):
        await server.assign(web)
        await server.until(lambda: server.ready(web), "the pod is ready")
        before = {s.identity.container: s.id for s in await docker_engine.list()}
        changed = core.Pod()
        changed.CopyFrom(web)
        changed.spec.containers[0].image = NGINX
        await server.assign(changed)
        await server.until(
            lambda: server.container(web).image == NGINX and server.ready(web), "the new image runs"
        )
        now = {s.identity.container: s.id for s in await docker_engine.list() if s.phase is Phase.RUNNING}
        assert {name for name in now if now[name] != before[name]} == {"main"}
    await server.close()

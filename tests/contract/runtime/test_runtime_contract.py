"""What every engine promises, asked of the fake and of a real Docker engine alike."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest

from knarr.clock import RandomIds, SystemClock
from node_agent.runtime.docker.engine import DockerEngine
from node_agent.runtime.errors import ImageFailure, NotFound, Refused
from node_agent.runtime.fake import FakeEngine, FakeHost, Program
from node_agent.runtime.interface import (
    CommandResult,
    ContainerSpec,
    ContainerState,
    Engine,
    Identity,
    ImageState,
    LogOptions,
    Network,
    Phase,
    PodRef,
    Port,
    Role,
)
from tests.contract.runtime.conftest import remove_all
from tests.support.images import BUSYBOX, DOCKER_URL, PAUSE, ensure_images

FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
DEAF = ("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
SAYS = ("sh", "-c", "echo one; echo two; echo three; exit 3")
SAYS_ON = ("sh", "-c", "echo one; sleep 1")
ABSENT = ("/no/such/program",)

# What the fake does for the commands that the real engine runs.
PROGRAMS = {
    FOREVER: Program(),
    DEAF: Program(heeds_stop=False),
    SAYS: Program(runs_s=0.01, exit_code=3, output=b"one\ntwo\nthree\n"),
    SAYS_ON: Program(runs_s=0.5, output=b"one\n"),
    ABSENT: Program(start_error="exec: no such file or directory"),
}
COMMANDS = {("echo", "hi"): CommandResult(0, b"hi\n"), ("sh", "-c", "exit 4"): CommandResult(4, b"")}


@dataclass(frozen=True)
class Bench:
    """An engine, and others on the same machine for other owners."""

    engine: Engine
    other: Callable[[str, str], Engine]  # cluster, node
    cluster: str


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    cluster, clock = f"test-{RandomIds().suffix(10)}", SystemClock()
    if request.param == "fake":
        images = {name: ImageState(f"sha256:{name}") for name in (PAUSE, BUSYBOX)}
        host = FakeHost(
            clock,
            program=lambda spec: PROGRAMS.get(spec.command, Program()),
            images=images,
            commands=COMMANDS,
        )
        yield Bench(
            FakeEngine(host, cluster=cluster, node="a"),
            lambda c, n: FakeEngine(host, cluster=c, node=n),
            cluster,
        )
        return
    ensure_images()
    made: list[DockerEngine] = []

    def other(other_cluster: str, node: str) -> Engine:
        made.append(DockerEngine(DOCKER_URL, cluster=other_cluster, node=node, clock=clock))
        return made[-1]

    yield Bench(other(cluster, "a"), other, cluster)
    for engine in made:
        await engine.close()
    await remove_all(DockerEngine(DOCKER_URL, cluster=cluster, node="a", clock=clock))


POD = PodRef("default", "web", RandomIds().uid())


def identity(container: str = "main", *, attempt: int = 0, pod: PodRef = POD) -> Identity:
    role = Role.MEMBER if container else Role.INFRA
    return Identity(pod, container, role, attempt, 0, "hash", 7, 2)


def spec(command: tuple[str, ...] = FOREVER, *, attempt: int = 0, container: str = "main") -> ContainerSpec:
    return ContainerSpec(identity(container, attempt=attempt), BUSYBOX, command=command)


def sandbox(*, pod: PodRef = POD, ports: tuple[Port, ...] = ()) -> ContainerSpec:
    return ContainerSpec(identity("", pod=pod), PAUSE, network=Network(hostname="web", ports=ports))


async def started(engine: Engine, wanted: ContainerSpec) -> str:
    container_id = await engine.create(wanted)
    await engine.start(container_id)
    return container_id


async def state(engine: Engine, container_id: str) -> ContainerState:
    return next(found for found in await engine.list() if found.id == container_id)


async def until(engine: Engine, container_id: str, phase: Phase) -> ContainerState:
    """Wait for a phase, told by the engine's events."""
    async with asyncio.timeout(20), contextlib.aclosing(engine.events()) as events:
        async for _ in events:
            found = await state(engine, container_id)
            if found.phase is phase:
                return found
    raise AssertionError("unreachable")


async def output(engine: Engine, container_id: str, options: LogOptions | None = None) -> bytes:
    return b"".join([piece async for piece in engine.logs(container_id, options or LogOptions())])


async def test_nothing_is_listed_at_first(bench: Bench) -> None:
    assert await bench.engine.list() == ()


async def test_a_created_container_waits(bench: Bench) -> None:
    container_id = await bench.engine.create(spec())
    found = await state(bench.engine, container_id)
    assert found.phase is Phase.CREATED
    assert found.identity == identity()
    assert (found.started_at, found.finished_at, found.error) == (0.0, 0.0, "")


async def test_create_is_idempotent_for_the_same_identity(bench: Bench) -> None:
    first = await bench.engine.create(spec())
    assert await bench.engine.create(spec()) == first
    assert len(await bench.engine.list()) == 1


async def test_the_name_of_another_identity_is_refused(bench: Bench) -> None:
    await bench.engine.create(spec())
    changed = replace(spec(), identity=replace(identity(), spec_hash="other"))
    with pytest.raises(Refused):
        await bench.engine.create(changed)


async def test_create_without_the_image(bench: Bench) -> None:
    with pytest.raises(ImageFailure):
        await bench.engine.create(replace(spec(), image="knarr/none:1"))


async def test_start_runs_it_and_twice_is_once(bench: Bench) -> None:
    container_id = await started(bench.engine, spec())
    before = await state(bench.engine, container_id)
    await bench.engine.start(container_id)
    after = await state(bench.engine, container_id)
    assert before.phase is Phase.RUNNING
    assert before.started_at > 0
    assert after.started_at == before.started_at


async def test_start_of_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.engine.start("0" * 64)


async def test_a_program_that_is_not_there_cannot_start(bench: Bench) -> None:
    container_id = await bench.engine.create(spec(ABSENT))
    with pytest.raises(Refused, match="no such file"):
        await bench.engine.start(container_id)
    found = await state(bench.engine, container_id)
    assert found.phase is Phase.EXITED
    assert found.exit_code != 0
    assert "no such file" in found.error
    assert found.finished_at > 0


async def test_an_end_is_seen_with_its_code(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(SAYS))
    ended = await until(bench.engine, container_id, Phase.EXITED)
    assert ended.exit_code == 3
    assert ended.finished_at >= ended.started_at > 0
    assert not ended.oom_killed


async def test_stop_lets_it_end_by_itself(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(FOREVER))
    clock = SystemClock()
    began = clock.monotonic()
    await bench.engine.stop(container_id, 20)
    assert clock.monotonic() - began < 10
    found = await state(bench.engine, container_id)
    assert found.phase is Phase.EXITED
    assert found.exit_code != 137


async def test_stop_kills_after_the_grace(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(DEAF))
    await bench.engine.stop(container_id, 0.5)
    found = await state(bench.engine, container_id)
    assert (found.phase, found.exit_code) == (Phase.EXITED, 137)


async def test_stop_without_grace_kills_at_once(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(DEAF))
    await bench.engine.stop(container_id, 0)
    assert (await state(bench.engine, container_id)).exit_code == 137


async def test_a_stop_can_be_overtaken_by_a_shorter_one(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(DEAF))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        patient = tasks.create_task(bench.engine.stop(container_id, 60))
        await asyncio.sleep(0)
        await bench.engine.stop(container_id, 0)
        await patient
    assert (await state(bench.engine, container_id)).phase is Phase.EXITED


async def test_stop_and_remove_of_nothing_are_no_errors(bench: Bench) -> None:
    await bench.engine.stop("0" * 64, 1)
    await bench.engine.remove("0" * 64)
    container_id = await bench.engine.create(spec())
    await bench.engine.stop(container_id, 1)
    await bench.engine.remove(container_id)
    assert await bench.engine.list() == ()


async def test_remove_ends_what_runs(bench: Bench) -> None:
    container_id = await started(bench.engine, spec())
    await bench.engine.remove(container_id)
    assert await bench.engine.list() == ()
    with pytest.raises(NotFound):
        await output(bench.engine, container_id)


async def test_logs_whole_and_in_part(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(SAYS))
    await until(bench.engine, container_id, Phase.EXITED)
    assert await output(bench.engine, container_id) == b"one\ntwo\nthree\n"
    assert await output(bench.engine, container_id, LogOptions(tail=2)) == b"two\nthree\n"
    assert await output(bench.engine, container_id, LogOptions(tail=0)) == b""
    future = LogOptions(since=SystemClock().now() + 60)
    assert await output(bench.engine, container_id, future) == b""
    stamped = await output(bench.engine, container_id, LogOptions(timestamps=True, tail=1))
    time, _, line = stamped.partition(b" ")
    assert line == b"three\n"
    assert time.startswith(b"20")
    assert time.endswith(b"Z")


async def test_following_ends_with_the_container(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(SAYS_ON))
    async with asyncio.timeout(20):
        assert await output(bench.engine, container_id, LogOptions(follow=True)) == b"one\n"
    assert (await until(bench.engine, container_id, Phase.EXITED)).exit_code == 0


async def test_following_can_be_given_up(bench: Bench) -> None:
    container_id = await started(bench.engine, spec(FOREVER))
    logs = bench.engine.logs(container_id, LogOptions(follow=True))
    waiting = asyncio.create_task(anext(logs))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await logs.aclose()
    assert (await state(bench.engine, container_id)).phase is Phase.RUNNING


async def test_events_name_the_pod(bench: Bench) -> None:
    async with asyncio.timeout(20), contextlib.aclosing(bench.engine.events()) as events:
        assert (await anext(events)).pod_uid == ""
        await started(bench.engine, spec())
        assert (await anext(events)).pod_uid == POD.uid


async def test_list_of_one_pod(bench: Bench) -> None:
    mine = await bench.engine.create(spec())
    stranger = PodRef("default", "other", RandomIds().uid())
    await bench.engine.create(replace(spec(), identity=identity(pod=stranger)))
    assert [found.id for found in await bench.engine.list(POD.uid)] == [mine]
    assert len(await bench.engine.list()) == 2


async def test_only_own_containers_are_seen(bench: Bench) -> None:
    container_id = await bench.engine.create(spec())
    assert await bench.other(bench.cluster, "b").list() == ()
    assert await bench.other(bench.cluster + "-x", "a").list() == ()
    assert [s.id for s in await bench.other(bench.cluster, "a").list()] == [container_id]


async def test_members_share_the_sandbox(bench: Bench) -> None:
    infra = await started(bench.engine, sandbox())
    assert (await state(bench.engine, infra)).ip
    member = await started(bench.engine, replace(spec(), sandbox_id=infra))
    assert (await state(bench.engine, member)).phase is Phase.RUNNING


async def test_a_member_needs_a_running_sandbox(bench: Bench) -> None:
    infra = await started(bench.engine, sandbox())
    await bench.engine.stop(infra, 0)
    with pytest.raises(Refused):
        await started(bench.engine, replace(spec(), sandbox_id=infra))


async def test_a_port_of_the_node_is_given_once(bench: Bench) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = Port(80, probe.getsockname()[1], "127.0.0.1", "TCP")
    await started(bench.engine, sandbox(ports=(port,)))
    other = PodRef("default", "other", RandomIds().uid())
    with pytest.raises(Refused, match="already allocated"):
        await started(bench.engine, sandbox(pod=other, ports=(port,)))


async def test_images_are_found_or_not(bench: Bench) -> None:
    found = await bench.engine.find(BUSYBOX)
    assert found is not None
    assert found.id.startswith("sha256:")
    assert await bench.engine.find("knarr/none:1") is None


async def test_a_pull_that_fails(bench: Bench) -> None:
    with pytest.raises(ImageFailure):
        await bench.engine.pull("localhost:1/knarr/none:1")


async def test_commands_run_inside(bench: Bench) -> None:
    container_id = await started(bench.engine, spec())
    assert await bench.engine.run(container_id, ("echo", "hi"), 10) == CommandResult(0, b"hi\n")
    assert (await bench.engine.run(container_id, ("sh", "-c", "exit 4"), 10)).exit_code == 4
    assert (await bench.engine.run(container_id, ("/no/such/program",), 10)).exit_code in (126, 127)
    await bench.engine.stop(container_id, 0)
    with pytest.raises(Refused):
        await bench.engine.run(container_id, ("echo", "hi"), 10)


async def test_the_version_names_the_engine(bench: Bench) -> None:
    assert "://" in await bench.engine.version()


async def test_containers_survive_their_agent(bench: Bench) -> None:
    container_id = await started(bench.engine, spec())
    await bench.engine.close()
    again = bench.other(bench.cluster, "a")
    assert (await state(again, container_id)).phase is Phase.RUNNING

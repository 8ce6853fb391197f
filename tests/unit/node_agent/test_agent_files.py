"""What an agent keeps on disk: its last assignment, and the files of volumes."""

import stat
from pathlib import Path

import pytest

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.assignment_store import FileAssignmentStore
from node_agent.errors import AlreadyRunning
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.facts import NodeFacts
from node_agent.pods.payload import File
from node_agent.published import publish
from node_agent.runtime.interface import Mount
from node_agent.settings import AgentSettings
from node_agent.volumes import VolumeFiles
from node_agent.wiring import purge, run_agent
from tests.support.pods import pod

NODE = NodeFacts("node-a", "192.0.2.7", 4000, 1 << 30)


async def test_the_assignment_comes_back(tmp_path: Path) -> None:
    store, assignment = FileAssignmentStore(tmp_path / "a"), wire.Assignment(full=True, pods=[pod()])
    assert await store.load() is None
    await store.save(assignment)
    await store.save(assignment)
    assert await FileAssignmentStore(tmp_path / "a").load() == assignment
    assert seen(tmp_path).keys() == {"a"}, "nothing else is left behind"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
async def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a"
    store = FileAssignmentStore(path)
    await store.save(wire.Assignment(full=True, pods=[pod()]))
    content = path.read_bytes()
    changed = {
        "cut": content[:-1],
        "flip": content[:-1] + bytes([content[-1] ^ 1]),
        "empty": b"",
        "other": b"something else altogether, and long enough for a checksum of 32 bytes",
    }
    path.write_bytes(changed[damage])
    assert await store.load() is None


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def seen(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not path.relative_to(place).parts[0].startswith("..")
    }


def visible(place: Path) -> dict[str, bytes]:
    """What a container reads by the visible names."""
    return {path.name: path.read_bytes() for path in place.iterdir() if path.is_symlink() and path.is_file()}


def test_files_are_replaced_together(tmp_path: Path) -> None:
    place = tmp_path / "volume"
    publish(place, {"a": File(b"1", 0o600), "b": File(b"2", 0o644)}, None)
    assert visible(place) == {"a": b"1", "b": b"2"}
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o600
    first = (place / "..data").resolve()
    publish(place, {"a": File(b"1", 0o600), "b": File(b"2", 0o644)}, None)
    assert (place / "..data").resolve() == first, "nothing was written"
    publish(place, {"a": File(b"new", 0o600), "c": File(b"3", 0o644)}, None)
    assert visible(place) == {"a": b"new", "c": b"3"}
    assert not first.exists()


def test_files_in_folders(tmp_path: Path) -> None:
    publish(tmp_path / "v", {"x/y/z": File(b"1", 0o644), "x/w": File(b"2", 0o644)}, None)
    assert (tmp_path / "v" / "x" / "y" / "z").read_bytes() == b"1"
    assert (tmp_path / "v" / "x" / "w").read_bytes() == b"2"


def test_a_crash_between_the_files_and_their_names_is_mended(tmp_path: Path) -> None:
    publish(tmp_path / "v", {"a": File(b"1", 0o644)}, None)
    (tmp_path / "v" / "a").unlink()
    publish(tmp_path / "v", {"a": File(b"1", 0o644)}, None)
    assert visible(tmp_path / "v") == {"a": b"1"}


def with_volume(**source: object) -> core.Pod:
    made = pod()
    made.spec.volumes.add(name="v", volumeSource=core.VolumeSource(**source))  # type: ignore[arg-type]
    made.spec.containers[0].volumeMounts.add(name="v", mountPath="/v")
    return made


async def mounts(tmp_path: Path, made: core.Pod) -> tuple[Mount, ...]:
    files = VolumeFiles(tmp_path / "disk", tmp_path / "memory")
    return (await files.prepare(made, ConfigStore(), NODE, ""))["main"]


async def test_empty_dirs(tmp_path: Path) -> None:
    on_disk, in_memory = with_volume(emptyDir={}), with_volume(emptyDir={"medium": "Memory"})
    (mount,) = await mounts(tmp_path, on_disk)
    assert mount == Mount(f"{tmp_path}/disk/{on_disk.metadata.uid}/volumes/v", "/v")
    assert mode(mount.source) == 0o777
    (mount,) = await mounts(tmp_path, in_memory)
    assert mount.source == f"{tmp_path}/memory/{in_memory.metadata.uid}/v"


async def test_volumes_go_with_their_pod(tmp_path: Path) -> None:
    made, other = with_volume(emptyDir={}), with_volume(emptyDir={"medium": "Memory"})
    files = VolumeFiles(tmp_path / "disk", tmp_path / "memory")
    for each in (made, other):
        await files.prepare(each, ConfigStore(), NODE, "")
    await files.remove(made.metadata.uid)
    await files.remove(other.metadata.uid)
    await files.remove("none")
    await files.remove("../disk")
    assert seen(tmp_path) == {}
    assert (tmp_path / "disk").is_dir()


@pytest.mark.parametrize(
    ("kind", "made", "works"),
    [
        ("", None, True),
        ("DirectoryOrCreate", None, True),
        ("DirectoryOrCreate", "file", False),
        ("Directory", None, False),
        ("Directory", "directory", True),
        ("FileOrCreate", None, True),
        ("FileOrCreate", "directory", False),
        ("File", "directory", False),
        ("File", "file", True),
        ("Socket", "file", False),
        ("CharDevice", "file", False),
        ("Nonsense", None, False),
    ],
)
async def test_host_paths(tmp_path: Path, kind: str, made: str | None, works: bool) -> None:
    path = tmp_path / "host"
    if made == "file":
        path.touch()
    elif made == "directory":
        path.mkdir()
    wanted = with_volume(hostPath={"path": str(path), "type": kind})
    if works:
        assert await mounts(tmp_path, wanted) == (Mount(str(path), "/v"),)
        assert path.exists()
    else:
        with pytest.raises(ConfigError):
            await mounts(tmp_path, wanted)


async def test_parts_of_volumes(tmp_path: Path) -> None:
    made = with_volume(emptyDir={})
    mount = made.spec.containers[0].volumeMounts[0]
    made.spec.containers[0].env.add(name="WHO", value="me")
    mount.subPathExpr = "logs/$(WHO)"
    (found,) = await mounts(tmp_path, made)
    assert found.source.endswith("/volumes/v/logs/me")
    mount.subPathExpr, mount.subPath = "", "../../../x"
    with pytest.raises(ConfigError, match="leads out"):
        await mounts(tmp_path, made)


async def test_a_link_in_a_volume_leads_nowhere_else(tmp_path: Path) -> None:
    made = with_volume(emptyDir={})
    (found,) = await mounts(tmp_path, made)
    (Path(found.source) / "link").symlink_to("/etc")
    made.spec.containers[0].volumeMounts[0].subPath = "link/ssl"
    with pytest.raises(ConfigError, match="leads out"):
        await mounts(tmp_path, made)


async def test_a_state_directory_has_one_agent(tmp_path: Path) -> None:
    import fcntl

    settings = AgentSettings("node-a", tmp_path, servers=("127.0.0.1:1",), runtime="fake")
    (tmp_path / "identity.json").write_text('{"machine_id": "m", "cluster_id": "c"}')
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning):
            await run_agent(settings)
        with pytest.raises(AlreadyRunning):
            await purge(settings)
    assert await purge(settings) == 0
    assert not (tmp_path / "identity.json").exists()
    assert await purge(settings) == 0

"""The files and directories behind pods' volumes.

    STATE/pods/UID/volumes/NAME     emptyDir, configMap, downwardAPI, projected
    MEMORY/UID/NAME                 emptyDir in memory, Secrets (they shall not reach a disk)

The kernel's own memory file system /dev/shm is used rather than a mount for each volume: an agent needs no
privilege for it, and nothing is left mounted behind a crash.
"""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.environment import environment, expand
from node_agent.pods.facts import NodeFacts
from node_agent.pods.payload import File, payload
from node_agent.published import publish
from node_agent.runtime.interface import Mount

_EMPTY_DIR_MODE = 0o777
_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared", "None": "rprivate"}
_HOST_PATH_CHECKS: dict[str, Callable[[int], bool]] = {
    "Directory": stat.S_ISDIR,
    "File": stat.S_ISREG,
    "Socket": stat.S_ISSOCK,
    "CharDevice": stat.S_ISCHR,
    "BlockDevice": stat.S_ISBLK,
}


class NoFiles:
    """Volumes of simulated pods: none."""

    async def prepare(
        self, pod: core.Pod, config: ConfigStore, node: NodeFacts, pod_ip: str
    ) -> dict[str, tuple[Mount, ...]]:
        return {}

    async def remove(self, pod_uid: str) -> None:
        return


class VolumeFiles:
    """Volumes below two directories of this machine."""

    def __init__(self, root: Path, memory: Path) -> None:
        self._root = root
        self._memory = memory

    async def prepare(
        self, pod: core.Pod, config: ConfigStore, node: NodeFacts, pod_ip: str
    ) -> dict[str, tuple[Mount, ...]]:
        if not pod.spec.volumes:
            return {}
        contents = {
            volume.name: payload(pod, volume.volumeSource, config, node, pod_ip)
            for volume in pod.spec.volumes
        }
        return await asyncio.to_thread(self._prepare, pod, contents, config, node, pod_ip)

    async def remove(self, pod_uid: str) -> None:
        if not pod_uid or "/" in pod_uid or pod_uid.startswith("."):
            return
        await asyncio.to_thread(self._remove, pod_uid)

    def _remove(self, pod_uid: str) -> None:
        for path in (self._root / pod_uid, self._memory / pod_uid):
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)

    def _prepare(
        self,
        pod: core.Pod,
        contents: dict[str, dict[str, File] | None],
        config: ConfigStore,
        node: NodeFacts,
        pod_ip: str,
    ) -> dict[str, tuple[Mount, ...]]:
        places = {
            volume.name: self._volume(pod, volume, contents[volume.name]) for volume in pod.spec.volumes
        }
        mounts: dict[str, tuple[Mount, ...]] = {}
        for container in (*pod.spec.initContainers, *pod.spec.containers):
            values: dict[str, str] = {}
            if any(mount.subPathExpr for mount in container.volumeMounts):
                values = environment(pod, container, config, node, pod_ip)
            mounts[container.name] = tuple(
                _mount(mount, places, contents, values) for mount in container.volumeMounts
            )
        return mounts

    def _volume(self, pod: core.Pod, volume: core.Volume, files: dict[str, File] | None) -> Path:
        """The volume's place on this machine, made if need be."""
        source = volume.volumeSource
        if source.HasField("hostPath"):
            return _host_path(source.hostPath)
        in_memory = source.HasField("secret") or source.emptyDir.medium == "Memory"
        in_memory = in_memory or any(part.HasField("secret") for part in source.projected.sources)
        if in_memory:
            place = self._memory / pod.metadata.uid / volume.name
        else:
            place = self._root / pod.metadata.uid / "volumes" / volume.name
        group = pod.spec.securityContext.fsGroup if pod.spec.securityContext.HasField("fsGroup") else None
        if files is not None:
            publish(place, files, group)
        elif not place.is_dir():
            place.mkdir(parents=True)
            if group is not None:
                os.chown(place, -1, group)
            place.chmod(_EMPTY_DIR_MODE | (stat.S_ISGID if group is not None else 0))
        return place


def _host_path(source: core.HostPathVolumeSource) -> Path:
    path = Path(source.path)
    if source.type in ("", "DirectoryOrCreate"):
        path.mkdir(mode=0o755, parents=True, exist_ok=True) if not path.exists() else None
        if source.type and not path.is_dir():
            raise ConfigError(f"hostPath {path} is not a directory")
    elif source.type == "FileOrCreate":
        if not path.exists():
            path.touch(mode=0o644)
        if not path.is_file():
            raise ConfigError(f"hostPath {path} is not a file")
    else:
        check = _HOST_PATH_CHECKS.get(source.type)
        if check is None:
            raise ConfigError(f"hostPath type {source.type} is not known")
        with contextlib.suppress(OSError):
            if check(path.stat().st_mode):
                return path
        raise ConfigError(f"hostPath {path} is not a {source.type}")
    return path


def _mount(
    mount: core.VolumeMount,
    places: dict[str, Path],
    contents: dict[str, dict[str, File] | None],
    values: dict[str, str],
) -> Mount:
    if mount.name not in places:
        raise ConfigError(f"volume {mount.name} not found")
    place, inner = places[mount.name], mount.subPath or expand(mount.subPathExpr, values)
    if inner:
        place = _below(place, inner)
    published = contents[mount.name] is not None
    return Mount(
        source=str(place),
        target=mount.mountPath,
        # As Kubernetes: what the agent publishes is read-only for containers, whatever they ask for.
        read_only=mount.readOnly or published,
        propagation=_PROPAGATION.get(mount.mountPropagation, ""),
    )


def _below(place: Path, inner: str) -> Path:
    """A path within a volume, links followed; made if it is missing. Raises ConfigError when it leads out."""
    root = place.resolve()
    found = (root / inner.lstrip("/")).resolve()
    if found != root and root not in found.parents:
        raise ConfigError(f"subPath {inner} leads out of its volume")
    if not found.exists():
        found.mkdir(parents=True)
    return found

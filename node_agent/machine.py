"""What the agent finds out about the machine it runs on, as the Node it registers."""

import contextlib
import os
import platform
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knarr.proto.kubernetes import core_v1_pb2 as core

_EVICTION_RESERVE_BYTES = 100 * 1024 * 1024  # as the kubelet's default threshold for memory.available
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes are whole; texts are "" where the machine does not say."""

    cpu_millis: int
    memory_bytes: int
    disk_bytes: int
    address: str
    kernel: str
    os_image: str
    boot_id: str
    architecture: str


def inspect(state_dir: Path) -> Machine:
    """This machine; the disk is the one of `state_dir`."""
    return Machine(
        cpu_millis=len(os.sched_getaffinity(0)) * 1000,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        disk_bytes=shutil.disk_usage(state_dir).total,
        address=_address(),
        kernel=platform.release(),
        os_image=_os_image(),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
    )


def node(
    name: str,
    machine: Machine,
    *,
    machine_id: str,
    engine: str,
    version: str,
    pods: int,
    labels: Mapping[str, str],
) -> core.Node:
    """The Node to register: metadata, capacity, addresses and nodeInfo."""
    made = core.Node()
    made.metadata.name = name
    own = {"hostname": name, "os": "linux", "arch": machine.architecture}
    for key, value in ({f"kubernetes.io/{key}": value for key, value in own.items()} | dict(labels)).items():
        made.metadata.labels[key] = value
    status = made.status
    capacity = {
        "cpu": _cpu(machine.cpu_millis),
        "memory": f"{machine.memory_bytes // 1024}Ki",
        "ephemeral-storage": f"{machine.disk_bytes // 1024}Ki",
        "pods": str(pods),
    }
    for key, value in capacity.items():
        status.capacity[key].string = value
        status.allocatable[key].string = value
    status.allocatable["memory"].string = f"{allocatable_memory(machine) // 1024}Ki"
    status.addresses.add(type="InternalIP", address=machine.address)
    status.addresses.add(type="Hostname", address=name)
    info = status.nodeInfo
    info.machineID, info.bootID = machine_id, machine.boot_id
    info.kernelVersion, info.osImage = machine.kernel, machine.os_image
    info.operatingSystem, info.architecture = "linux", machine.architecture
    info.containerRuntimeVersion, info.kubeletVersion = engine, version
    return made


def allocatable_memory(machine: Machine) -> int:
    """Bytes that pods may ask for."""
    reserve = min(_EVICTION_RESERVE_BYTES, machine.memory_bytes // 10)
    return machine.memory_bytes - reserve


def _cpu(millis: int) -> str:
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def _address() -> str:
    """The address that this machine would use towards others; a datagram socket sends nothing here."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address kept for documentation (RFC 5737)
        found: str = probe.getsockname()[0]
        return found
    return "127.0.0.1"


def _os_image() -> str:
    for line in _read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return ""


def _read(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text().strip()
    return ""

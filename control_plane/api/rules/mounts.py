"""Rules that bind the containers of a pod to its volumes.

Source: Kubernetes' pkg/apis/core/validation (ValidateVolumes, ValidateVolumeMounts, ValidateVolumeDevices).
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DESCENDING
from control_plane.api.rules.containers import VOLUME_MOUNT
from control_plane.api.rules.engine import Causes
from control_plane.api.rules.projections import VOLUME

_PRIVILEGED_ONLY: Final = "Bidirectional mount propagation is available only to privileged containers"


def check_volumes(spec: Any, path: str, causes: Causes) -> None:
    """Each volume by itself, then each mount: a volume with a fault counts as none, and so do those whose
    name is taken."""
    known: dict[str, Any] = {}
    for index, volume in enumerate(spec.volumes):
        found: Causes = []
        here = f"{path}.volumes[{index}]"
        VOLUME.check(volume, here, found)
        if volume.name in known:
            found.append(say.duplicate(f"{here}.name", volume.name))
        if found:
            causes.extend(found)
        else:
            known[volume.name] = volume.volumeSource
    for field in ("containers", "initContainers"):
        for index, container in enumerate(getattr(spec, field)):
            _check_container(container, known, f"{path}.{field}[{index}]", causes)
    for index, ephemeral in enumerate(spec.ephemeralContainers):
        common = ephemeral.ephemeralContainerCommon
        _check_container(common, known, f"{path}.ephemeralContainers[{index}]", causes)


def _check_container(container: Any, known: dict[str, Any], path: str, causes: Causes) -> None:
    mounts, devices = container.volumeMounts, container.volumeDevices
    if mounts:
        _check_mounts(container, known, f"{path}.volumeMounts", causes)
    if devices:
        _check_devices(container, known, f"{path}.volumeDevices", causes)


def _check_mounts(container: Any, known: dict[str, Any], path: str, causes: Causes) -> None:
    device_names = {device.name for device in container.volumeDevices}
    device_paths = {device.devicePath for device in container.volumeDevices}
    taken: set[str] = set()
    for index, mount in enumerate(container.volumeMounts):
        here = f"{path}[{index}]"
        _check_mount(mount, container, path, here, causes)
        name, target = mount.name, mount.mountPath
        if name not in known:
            causes.append(say.not_found(f"{here}.name", name))
        if target in taken:
            causes.append(say.invalid(f"{here}.mountPath", target, "must be unique"))
        taken.add(target)
        if name in device_names:
            causes.append(say.invalid(f"{here}.name", name, "must not already exist in volumeDevices"))
        if target in device_paths:
            why = "must not already exist as a path in volumeDevices"
            causes.append(say.invalid(f"{here}.mountPath", target, why))


def _check_mount(mount: Any, container: Any, path: str, here: str, causes: Causes) -> None:
    """What concerns one mount alone; Kubernetes reports some of it at the list, without an index."""
    found: Causes = []
    VOLUME_MOUNT.check(mount, here, found)
    propagation = f"{here}.mountPropagation"
    for cause in found:
        at_list = cause.field == propagation
        causes.append(
            type(cause)(f"{path}.mountPropagation", cause.reason, cause.message) if at_list else cause
        )
    if mount.mountPropagation == "Bidirectional" and not container.securityContext.privileged:
        causes.append(say.forbidden(f"{path}.mountPropagation", _PRIVILEGED_ONLY))
    if mount.subPath:
        DESCENDING.check(mount.subPath, f"{path}.subPath", causes)
    if mount.subPathExpr:
        if mount.subPath:
            why = "subPathExpr and subPath are mutually exclusive"
            causes.append(say.invalid(f"{here}.subPathExpr", mount.subPathExpr, why))
        DESCENDING.check(mount.subPathExpr, f"{path}.subPathExpr", causes)


def _check_devices(container: Any, known: dict[str, Any], path: str, causes: Causes) -> None:
    mount_names = {mount.name for mount in container.volumeMounts}
    mount_paths = {mount.mountPath for mount in container.volumeMounts}
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(container.volumeDevices):
        here, name, target = f"{path}[{index}]", device.name, device.devicePath
        _check_device_name(name, known, f"{here}.name", causes)
        if name in names:
            causes.append(say.invalid(f"{here}.name", name, "must be unique"))
        if name in mount_names:
            causes.append(say.invalid(f"{here}.name", name, "must not already exist in volumeMounts"))
        if not target:
            causes.append(say.required(f"{here}.devicePath"))
        if target in paths:
            causes.append(say.invalid(f"{here}.devicePath", target, "must be unique"))
        if ".." in target.split("/"):
            causes.append(say.invalid(f"{here}.devicePath", target, "can not contain backsteps ('..')"))
        if target in mount_paths:
            why = "must not already exist as a path in volumeMounts"
            causes.append(say.invalid(f"{here}.devicePath", target, why))
        names |= {name} - {""}
        paths |= {target} - {""}


def _check_device_name(name: str, known: dict[str, Any], path: str, causes: Causes) -> None:
    if not name:
        causes.append(say.required(path))
    source = known.get(name)
    if source is None:
        causes.append(say.not_found(path, name))
    elif not (source.HasField("persistentVolumeClaim") or source.HasField("ephemeral")):
        why = "can only use volume source type of PersistentVolumeClaim for block mode"
        causes.append(say.invalid(path, name, why))

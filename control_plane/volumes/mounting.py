"""What a pod's claims are on its node: the directories of the volumes that they are bound to. Pure."""

from collections.abc import Callable

from knarr.proto.kubernetes import core_v1_pb2 as core

# By namespace and name of the claim; None: it has none, or none that the pod's node reaches.
VolumeOf = Callable[[str, str], core.PersistentVolume | None]


def claims_of(spec: core.PodSpec) -> frozenset[str]:
    """The claims that a pod names, all in its own namespace."""
    return frozenset(
        volume.volumeSource.persistentVolumeClaim.claimName
        for volume in spec.volumes
        if volume.volumeSource.HasField("persistentVolumeClaim")
    )


def mounted(pod: core.Pod, volume_of: VolumeOf) -> core.Pod:
    """The pod with its claims as directories of its node: a copy, or the pod itself when it names none. A
    claim without a volume stays, and keeps its containers from starting."""
    if not claims_of(pod.spec):
        return pod
    made = core.Pod()
    made.CopyFrom(pod)
    for volume in made.spec.volumes:
        claim = volume.volumeSource.persistentVolumeClaim
        if not claim.claimName:
            continue
        found = volume_of(pod.metadata.namespace, claim.claimName)
        if found is None:
            continue
        if claim.readOnly or set(found.spec.accessModes) == {"ReadOnlyMany"}:
            _mount_read_only(made.spec, volume.name)
        volume.volumeSource.CopyFrom(_source(found.spec.persistentVolumeSource))
    return made


def _source(source: core.PersistentVolumeSource) -> core.VolumeSource:
    made = core.VolumeSource()
    if source.HasField("local"):
        made.hostPath.path, made.hostPath.type = source.local.path, "Directory"
    else:
        made.hostPath.CopyFrom(source.hostPath)
    return made


def _mount_read_only(spec: core.PodSpec, volume: str) -> None:
    for container in (*spec.initContainers, *spec.containers):
        for mount in container.volumeMounts:
            if mount.name == volume:
                mount.readOnly = True

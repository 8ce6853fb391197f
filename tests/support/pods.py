"""Pods for tests: one base and one change each."""

from collections.abc import Iterable

from knarr.clock import SeededIds
from knarr.proto.kubernetes import core_v1_pb2 as core

_IDS = SeededIds(20)
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait")


def pod(
    name: str = "web",
    *,
    command: Iterable[str] = SLEEP,
    restart: str = "Always",
    grace_s: int = 5,
    image: str = "busybox:latest",
    uid: str = "",
) -> core.Pod:
    """A pod of one container called "main"."""
    made = core.Pod()
    made.metadata.name, made.metadata.namespace = name, "default"
    made.metadata.uid = uid or _IDS.uid()
    made.spec.restartPolicy = restart
    made.spec.terminationGracePeriodSeconds = grace_s
    made.spec.containers.add(name="main", image=image, command=command, imagePullPolicy="IfNotPresent")
    return made


def deleted(source: core.Pod, *, grace_s: int | None = None, at: int = 1_700_000_000) -> core.Pod:
    """The same pod after somebody asked for its deletion."""
    made = core.Pod()
    made.CopyFrom(source)
    made.metadata.deletionTimestamp.seconds = at
    made.metadata.deletionGracePeriodSeconds = (
        source.spec.terminationGracePeriodSeconds if grace_s is None else grace_s
    )
    return made

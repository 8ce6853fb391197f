"""Where the pod template of a kind stands, and which of its containers are meant. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.proto.kubernetes import core_v1_pb2 as core

TEMPLATE = ("spec", "template", "spec")
PATHS: Mapping[Kind, tuple[str, ...]] = {
    kinds.POD: ("spec",),
    kinds.POD_TEMPLATE: ("template", "spec"),
    kinds.CRON_JOB: ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        (
            kinds.DEPLOYMENT,
            kinds.REPLICA_SET,
            kinds.STATEFUL_SET,
            kinds.DAEMON_SET,
            kinds.JOB,
            kinds.REPLICATION_CONTROLLER,
        ),
        TEMPLATE,
    ),
}


def pod_spec_path(kind: Kind) -> tuple[str, ...]:
    """The fields that lead to the pod spec; raises Failure for a kind that has none."""
    path = PATHS.get(kind)
    if path is None:
        raise Failure(f"{kind.plural} have no pod template", USAGE)
    return path


def pod_spec(obj: Message) -> core.PodSpec:
    """The pod spec within an object; raises Failure for a kind that has none."""
    found: Any = obj
    for name in pod_spec_path(kinds.of(obj)):
        found = getattr(found, name)
    return cast(core.PodSpec, found)


def patch_of(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A strategic merge patch of the object that patches its pod spec."""
    patch: Any = spec
    for name in reversed(pod_spec_path(kind)):
        patch = {name: patch}
    return cast(dict[str, Any], patch)


def by_list(spec: core.PodSpec, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Patches of containers by name, as a patch of the pod spec."""
    lists: dict[str, list[dict[str, Any]]] = {}
    for field, containers in (("containers", spec.containers), ("initContainers", spec.initContainers)):
        for container in containers:
            if container.name in changes:
                lists.setdefault(field, []).append({"name": container.name, **changes[container.name]})
    return dict(lists)


def meant(spec: core.PodSpec, patterns: Iterable[str], where: str) -> list[core.Container]:
    """The containers that names or patterns ("*", "side*") mean; raises Failure for one that means none."""
    every: Sequence[core.Container] = [*spec.containers, *spec.initContainers]
    found: dict[str, core.Container] = {}
    for pattern in patterns:
        matching = {each.name: each for each in every if fnmatchcase(each.name, pattern)}
        if not matching:
            names = ", ".join(each.name for each in every)
            raise Failure(f'{where}: there is no container "{pattern}"; it has {names}', FAILED)
        found |= matching
    return list(found.values())

"""Objects of answers and of the recording in one form, in which they can be compared.

Both go through the codec, so that null and absent, or two ways to write a quantity, are one. What the
recording left out of all objects is left out of ours; its placeholders stand for what they name. What servers
newer than the recorded one add (NEWER, as the recording's README lists it) is taken out of our object where
the recorded one lacks it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from knarr.api import codec
from knarr.api.kinds import Kind
from tests.conformance.cases import Difference
from tests.conformance.recording import ALLOCATED, GENERATED, NAMESPACE, TIME, UID, current

Object = dict[str, Any]
Path = tuple[str | int, ...]

UNRECORDED: Final = ("uid", "resourceVersion", "creationTimestamp", "selfLink", "managedFields")
# By kind: what newer servers set by themselves.
NEWER: Final[Mapping[str, tuple[str, ...]]] = {
    "Namespace": ("metadata.labels.kubernetes~io/metadata~name",),
    "Pod": ("metadata.generation", "status.observedGeneration"),
    "Service": (
        "spec.ipFamilies",
        "spec.ipFamilyPolicy",
        "spec.internalTrafficPolicy",
        "spec.allocateLoadBalancerNodePorts",
    ),
    "Job": (
        "spec.completionMode",
        "spec.suspend",
        "spec.podReplacementPolicy",
        "metadata.labels.batch~kubernetes~io/controller-uid",
        "metadata.labels.batch~kubernetes~io/job-name",
        "spec.template.metadata.labels.batch~kubernetes~io/controller-uid",
        "spec.template.metadata.labels.batch~kubernetes~io/job-name",
        "metadata.generation",
    ),
    "CronJob": ("spec.jobTemplate.spec.podReplacementPolicy", "metadata.generation"),
    "HorizontalPodAutoscaler": ("metadata.generation",),
    "DaemonSet": ("spec.updateStrategy.rollingUpdate.maxSurge",),
    "StatefulSet": ("spec.persistentVolumeClaimRetentionPolicy", "status.availableReplicas"),
}
_SOME_TIME: Final = "2020-01-01T00:00:00Z"
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TOKEN_VOLUME: Final = re.compile(r"kube-api-access-[a-z0-9]{5}\b")


def compare(kind: Kind, ours: Message, recorded: Object, namespace: str = "") -> Iterator[Difference]:
    """How an answered object differs from a recorded one. `namespace`: what <namespace> stands for."""
    mine = shown(kind, ours)
    theirs, allocated = _recorded(kind, recorded, mine, namespace)
    for path in allocated:
        if not found(mine, path):
            yield Difference("object", "/".join(map(str, path)), None, ALLOCATED)
        remove(mine, path)
    _without_newer(kind, mine, theirs)
    mine, theirs = pruned(mine), pruned(theirs)
    if mine != theirs and _unordered(mine) == _unordered(theirs):
        yield Difference("order", "", mine, theirs)
    else:
        yield from differences(mine, theirs)


def _unordered(value: Any) -> Any:
    """A value with the elements of its lists in an order of their own."""
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(map(_unordered, value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def shown(kind: Kind, obj: Message) -> Object:
    """Our object without what no recording has, its uid as the recording writes it."""
    value = codec.object_to_dict(obj)
    uid = value["metadata"].get("uid")
    for name in UNRECORDED:
        value["metadata"].pop(name, None)
    text = json.dumps(value)
    if uid:
        text = text.replace(uid, UID)
    result: Object = json.loads(_TOKEN_VOLUME.sub(f"kube-api-access-{GENERATED}", text))
    return result


def _recorded(kind: Kind, recorded: Object, ours: Object, namespace: str) -> tuple[Object, list[Path]]:
    """A recorded object in the form of ours, and where it has something that the server allots."""
    value = current(recorded)
    value.setdefault("apiVersion", kind.api_version)
    value.setdefault("kind", kind.name)
    text = json.dumps(value).replace(NAMESPACE, namespace).replace(TIME, _SOME_TIME)
    value = json.loads(text)
    allocated = list(_paths_of(value, ALLOCATED))
    for path in reversed(allocated):
        remove(value, path)
    own, mine = value["metadata"], ours["metadata"]
    prefix = own.get("generateName")
    if own.get("name") == GENERATED and prefix and str(mine.get("name")).startswith(prefix[:58]):
        own["name"] = mine["name"]
        text = json.dumps(value).replace(GENERATED, mine["name"])
    decoded, value = codec.decode_object(value, kind.message)
    return shown(kind, decoded.message), allocated


def _paths_of(value: Any, wanted: str, path: Path = ()) -> Iterator[Path]:
    if value == wanted:
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _paths_of(item, wanted, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths_of(item, wanted, (*path, index))


def remove(obj: Any, path: Path) -> None:
    """Remove the field at a path, if it is there."""
    *parents, last = path
    for name in parents:
        obj = _at(obj, name)
    if isinstance(obj, dict):
        obj.pop(last, None)
    elif isinstance(obj, list) and isinstance(last, int) and last < len(obj):
        del obj[last]


def found(obj: Any, path: Path) -> Any:
    """What stands at a path; None where there is nothing."""
    for name in path:
        obj = _at(obj, name)
    return obj


def _at(obj: Any, name: str | int) -> Any:
    if isinstance(obj, dict):
        return obj.get(name)
    if isinstance(obj, list) and isinstance(name, int) and name < len(obj):
        return obj[name]
    return None


def newer_paths(kind: Kind) -> list[Path]:
    """The paths of what newer servers set."""
    return [tuple(name.replace("~", ".") for name in path.split(".")) for path in NEWER.get(kind.name, ())]


def _without_newer(kind: Kind, ours: Object, theirs: Object) -> None:
    for path in newer_paths(kind):
        if found(theirs, path) is None:
            remove(ours, path)
    if kind.name == "Job":
        _name_as_recorded(ours)


def _name_as_recorded(job: Object) -> None:
    """The selector that a job is given names its uid by another label now."""
    labels = (job["spec"].get("selector") or {}).get("matchLabels", {})
    if labels.get("batch.kubernetes.io/controller-uid") == UID:
        labels["controller-uid"] = labels.pop("batch.kubernetes.io/controller-uid")


def pruned(value: Any) -> Any:
    """Without nulls and empty lists and maps: 1.20 and today's codec write them in different places."""
    if isinstance(value, dict):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    return [pruned(item) for item in value] if isinstance(value, list) else value


def differences(ours: Any, recorded: Any, path: str = "", aspect: str = "object") -> Iterator[Difference]:
    """The fields in which two JSON values differ."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        for key in sorted(ours.keys() | recorded.keys()):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(ours.get(key), recorded.get(key), below, aspect)
    elif isinstance(ours, list) and isinstance(recorded, list) and len(ours) == len(recorded):
        for index, (mine, theirs) in enumerate(zip(ours, recorded, strict=True)):
            yield from differences(mine, theirs, f"{path}[{index}]", aspect)
    elif ours != recorded and not _both_times(ours, recorded):
        yield Difference(aspect, path, ours, recorded)


def _both_times(ours: Any, recorded: Any) -> bool:
    """Whether the recording has only that there is a time."""
    return recorded == _SOME_TIME and isinstance(ours, str) and bool(_TIMESTAMP.fullmatch(ours))

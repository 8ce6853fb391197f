"""Recorded requests, and the part of the API that answers them without a store: decoding, defaults, rules.

What the recordings were made through and is gone since (batch/v1beta1, policy/v1beta1) is read as its current
version. Quotas, allocation and conflicts are not answered here.
"""

import copy
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from control_plane.api.rules import default_object, jobs, servicechanges, validate_create, validate_update
from control_plane.api.rules.api import BY_MESSAGE, rules_of
from control_plane.api.strategy import prepare_create, prepare_update
from knarr.api import kinds
from knarr.api.codec import DecodeError, decode_object
from knarr.api.kinds import Kind
from knarr.api.schema import api_version
from knarr.errors import Cause
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core

HERE = Path(__file__).parent
UID = "2f1c3c2e-7f0b-4b57-9d3c-6f1f6a0d9a51"
GENERATED = "<generated>"
NOW = 1_600_000_000.0
CLUSTER_SCOPED = ("PersistentVolume", "StorageClass", "ClusterRole", "ClusterRoleBinding", "IngressClass")
CURRENT_VERSIONS = {"batch/v1beta1": "batch/v1", "policy/v1beta1": "policy/v1"}


def read(name: str, folder: Path = HERE) -> Iterator[dict[str, Any]]:
    """The records of one file, in its order."""
    with gzip.open(folder / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


@cache
def kind_of(name: str) -> Kind:
    """The kind of this name: a served one, or one made from the message that the rules know."""
    served = kinds.find_alias(name)
    if served is not None:
        return served
    message = next(known for known in BY_MESSAGE if known.DESCRIPTOR.name == name)
    group, _, version = api_version(message.DESCRIPTOR).rpartition("/")
    return Kind(group, version, name, f"{name.lower()}s", (), name not in CLUSTER_SCOPED, message)


@dataclass(frozen=True)
class Answer:
    """What a request is answered: its code and, for 422, what is wrong."""

    code: int
    causes: list[Cause] = field(default_factory=list)
    obj: Message | None = None

    @property
    def wrong(self) -> set[tuple[str, str]]:
        return {(cause.field, cause.reason) for cause in self.causes}


def current(document: Any) -> Any:
    """A document as its kind's current version says it."""
    document = json.loads(json.dumps(document).replace("<uid>", UID))
    if not isinstance(document, dict):
        return document
    version = document.get("apiVersion")
    if isinstance(version, str):
        document["apiVersion"] = CURRENT_VERSIONS.get(version, version)
    return document


def _decoded(kind: Kind, document: Any, namespace: str | None) -> Message | None:
    """None where the API answers 400."""
    if not isinstance(document, dict):
        return None
    names = (document.get("apiVersion", kind.api_version), document.get("kind", kind.name))
    if not all(isinstance(name, str) for name in names) or kinds.find(*names) is not kind:
        return None
    try:
        obj: Any = decode_object(document, kind.message)[0].message
    except DecodeError:
        return None
    if kind.namespaced:
        if obj.metadata.namespace not in ("", namespace):
            return None
        obj.metadata.namespace = namespace or ""
    return obj  # type: ignore[no-any-return]


def create(kind: Kind, document: Any, namespace: str | None) -> Answer:
    """A POST of the document."""
    obj: Any = _decoded(kind, document, namespace)
    if obj is None or obj.metadata.resourceVersion:
        return Answer(400)
    if not obj.metadata.name and obj.metadata.generateName:
        obj.metadata.name = obj.metadata.generateName + GENERATED.strip("<>")
    prepare_create(kind, obj, uid=UID, now=NOW)
    if isinstance(obj, batch.Job):
        jobs.generate_selector(obj)
    default_object(kind, obj)
    causes = validate_create(kind, obj)
    return Answer(422, causes) if causes else Answer(201, obj=obj)


def update(kind: Kind, document: Any, old: Any, namespace: str | None, *, versioned: bool) -> Answer:
    """A PUT of the document over the old object; `versioned`: it names the right version."""
    obj: Any = _decoded(kind, document, namespace)
    if obj is None or obj.metadata.name != old.metadata.name:
        return Answer(400)
    version = obj.metadata.resourceVersion
    if version and not version.isdecimal():
        return Answer(400)
    if version or obj.metadata.uid not in ("", old.metadata.uid):
        return Answer(409)
    old = copy.deepcopy(old)
    given = obj.metadata.deletionTimestamp if obj.metadata.HasField("deletionTimestamp") else None
    prepare_update(kind, obj, old)
    if isinstance(obj, core.Service):
        servicechanges.carry_over(obj, old)
    if isinstance(obj, batch.Job):
        jobs.carry_over(obj, old)
    if given is not None:
        obj.metadata.deletionTimestamp.CopyFrom(given)
    default_object(kind, obj)
    old.metadata.resourceVersion = "1"
    if versioned or rules_of(kind).unconditional:
        obj.metadata.resourceVersion = "1"
    causes = validate_update(kind, obj, old)
    return Answer(422, causes) if causes else Answer(200, obj=obj)

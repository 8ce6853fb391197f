"""One object in memory and the way of a write through the API: patch, defaults, rules, ownership.

What the runners of recorded patches and applies share. It has no store, no admission and no other objects.
"""

import gzip
import importlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.admission import admit_tolerations
from control_plane.api.messages import copy, metadata
from control_plane.api.patches import patched
from control_plane.api.patching import apply, track_update
from control_plane.api.rules import default_object, validate_create, validate_status_update, validate_update
from control_plane.api.rules.api import BY_MESSAGE
from control_plane.api.strategy import prepare_create, prepare_status_update, prepare_update
from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.errors import BadRequest
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire

TYPES = {
    "strategic": wire.PatchRequest.STRATEGIC,
    "application/strategic-merge-patch+json": wire.PatchRequest.STRATEGIC,
    "merge": wire.PatchRequest.MERGE,
    "application/merge-patch+json": wire.PatchRequest.MERGE,
    "json": wire.PatchRequest.JSON,
    "application/json-patch+json": wire.PatchRequest.JSON,
}
# Of spec: what servers newer than the recorded one set by themselves.
NEWER = frozenset(
    {
        *("allocateLoadBalancerNodePorts", "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy"),
        *("completionMode", "suspend", "podReplacementPolicy", "persistentVolumeClaimRetentionPolicy"),
    }
)
VERSION = "5"  # the resourceVersion of every stored object
_MODULES = {
    "ServiceAccount": ("core_v1", ""),
    "PersistentVolumeClaim": ("core_v1", ""),
    "ResourceQuota": ("core_v1", ""),
    "StatefulSet": ("apps_v1", "apps"),
    "Job": ("batch_v1", "batch"),
    "CronJob": ("batch_v1", "batch"),
    "Role": ("rbac_v1", "rbac.authorization.k8s.io"),
    "RoleBinding": ("rbac_v1", "rbac.authorization.k8s.io"),
}


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


@cache
def kind_named(name: str) -> Kind:
    """The kind; one that is not served yet is made up from its message."""
    for kind in kinds.KINDS:
        if kind.name == name:
            return kind
    module, group = _MODULES[name]
    message = getattr(importlib.import_module(f"knarr.proto.kubernetes.{module}_pb2"), name)
    parts = ("status",) if "status" in message.DESCRIPTOR.fields_by_name else ()
    return Kind(group, "v1", name, f"{name.lower()}s", (), True, message, parts)


def has_rules(kind: Kind) -> bool:
    """Whether defaults and validation of the kind exist."""
    return kind.message in BY_MESSAGE


class SmallServer:
    """One object. All methods raise ApiError and change nothing then."""

    def __init__(self, kind: Kind, stored: dict[str, Any] | None) -> None:
        self.kind = kind
        self.stored: Message | None = None
        if stored is not None:
            self.stored = codec.decode(stored, kind.message).message
            metadata(self.stored).resourceVersion = VERSION
            metadata(self.stored).uid = "00000000-0000-4000-8000-000000000001"

    def create(self, body: Any, manager: str) -> None:
        obj = codec.decode(body, self.kind.message).message
        self._create(obj)
        track_update(None, obj, self.kind, manager=manager, now=1_000)
        self.stored = obj

    def _create(self, obj: Message) -> None:
        if metadata(obj).uid:
            raise refusals.conflict(self.kind, metadata(obj).name)
        prepare_create(self.kind, obj, uid="00000000-0000-4000-8000-000000000001", now=1_000)
        metadata(obj).ClearField("creationTimestamp")
        _admit(obj)
        if has_rules(self.kind):
            default_object(self.kind, obj)
            causes = validate_create(self.kind, obj)
            if causes:
                raise refusals.invalid(self.kind, metadata(obj).name, causes)

    def apply(self, name: str, body: Any, manager: str, force: bool, subresource: str) -> None:
        """`name` is the one in the URL."""
        merged = apply(
            None if self.stored is None else copy(self.stored),
            body,
            self.kind,
            manager=manager,
            force=force,
            now=2_000,
            subresource=subresource,
        )
        if metadata(merged).name not in ("", name):
            raise BadRequest("the name of the object does not match the name on the URL")
        metadata(merged).name = name
        if self.kind.namespaced and not metadata(merged).namespace:
            metadata(merged).namespace = "apply"
        if self.stored is None:
            self._create(merged)
            self.stored = merged
        else:
            self._replace(merged, subresource)

    def update(self, new: Message, manager: str, subresource: str = "") -> None:
        """A whole new object."""
        assert self.stored is not None  # the recordings update only what exists
        old = copy(self.stored)
        self._replace(new, subresource)
        track_update(old, self.stored, self.kind, manager=manager, now=2_000, subresource=subresource)

    def patch(self, patch: Any, type_: str, manager: str, subresource: str = "") -> None:
        assert self.stored is not None  # the recordings patch only what exists
        new = patched(self.kind, self.stored, patch, TYPES[type_])
        self.update(new, manager, subresource)

    def _replace(self, new: Message, subresource: str) -> None:
        old = self.stored
        assert old is not None
        if metadata(new).resourceVersion not in ("", VERSION):
            raise refusals.conflict(self.kind, metadata(new).name)
        metadata(new).resourceVersion = VERSION
        if subresource == "status":
            owners = metadata(new).managedFields
            new = prepare_status_update(self.kind, new, old)
            del metadata(new).managedFields[:]
            metadata(new).managedFields.extend(owners)
            causes = validate_status_update(self.kind, new, old) if has_rules(self.kind) else []
        else:
            prepare_update(self.kind, new, old)
            _admit(new)
            if has_rules(self.kind):
                default_object(self.kind, new)
            causes = validate_update(self.kind, new, old) if has_rules(self.kind) else []
        if causes:
            raise refusals.invalid(self.kind, metadata(new).name, causes)
        self.stored = new


def _admit(obj: Message) -> None:
    if isinstance(obj, core.Pod):
        admit_tolerations(obj, 300)


def differences(ours: Any, recorded: Any, path: str = "") -> Iterator[str]:
    """The paths where two JSON values differ, with both values."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        for key in sorted(ours.keys() | recorded.keys()):
            yield from differences(ours.get(key), recorded.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(recorded, list) and len(ours) == len(recorded):
        for index, (left, right) in enumerate(zip(ours, recorded, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif ours != recorded:
        yield f"{path}: ours {json.dumps(ours)[:160]}, recorded {json.dumps(recorded)[:160]}"

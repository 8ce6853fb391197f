"""What JSON makes of a message type: names, flattened structs, omission rules, apiVersion and kind.

Read from the descriptors and their options once per type. Decoder, encoder, the table of unsupported fields
and the generators of tests all see a message through this module, so that they agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from knarr.proto.kubernetes import options_pb2

META: Final = "knarr.meta.v1."
SPECIAL: Final = frozenset(
    META + name
    for name in ("Time", "MicroTime", "Duration", "Quantity", "IntOrString", "FieldsV1", "RawExtension")
)

# Kubernetes declares these as pointers without omitempty: absent is written as null, and {} is not absent.
_NULL_WHEN_ABSENT: Final = frozenset(
    {
        "knarr.apps.v1.DaemonSetSpec.selector",
        "knarr.apps.v1.DeploymentSpec.selector",
        "knarr.apps.v1.ReplicaSetSpec.selector",
        "knarr.apps.v1.StatefulSetSpec.selector",
        "knarr.core.v1.NodeAllocatableMappedResources.quantity",
        "knarr.core.v1.ScaleIOPersistentVolumeSource.secretRef",
        "knarr.core.v1.ScaleIOVolumeSource.secretRef",
    }
)
_GROUPS: Final = {
    "core": "",
    "coordination": "coordination.k8s.io",
    "discovery": "discovery.k8s.io",
    "events": "events.k8s.io",
    "meta": "",
    "networking": "networking.k8s.io",
    "rbac": "rbac.authorization.k8s.io",
    "scheduling": "scheduling.k8s.io",
    "storage": "storage.k8s.io",
}
_TEMPLATES: Final = frozenset({"PodTemplateSpec", "JobTemplateSpec", "PersistentVolumeClaimTemplate"})


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a JSON object and where its value is kept."""

    key: str  # in JSON
    descriptor: FieldDescriptor
    within: tuple[str, ...]  # names of the flattened structs on the way, outermost first
    always: bool  # written even when zero, empty or absent

    @property
    def name(self) -> str:
        return self.descriptor.name

    @property
    def message(self) -> Descriptor | None:
        """The type of a message, or of the messages of a list; None for scalars and maps."""
        return None if self.is_map else self.descriptor.message_type

    @property
    def is_map(self) -> bool:
        kind = self.descriptor.message_type
        return kind is not None and kind.GetOptions().map_entry

    @property
    def map_value(self) -> FieldDescriptor:
        entry = self.descriptor.message_type
        assert entry is not None  # callers ask only of maps
        return entry.fields_by_name["value"]

    @property
    def is_list(self) -> bool:
        return self.descriptor.is_repeated and not self.is_map

    @property
    def always_list(self) -> bool:
        """The items of a list object: written as [] when there are none."""
        owner = self.descriptor.containing_type
        return self.key == "items" and owner is not None and owner.name.endswith("List")

    @property
    def is_struct(self) -> bool:
        """A message that Kubernetes embeds by value: an empty one and none are the same."""
        return (
            self.always
            and self.message is not None
            and not self.is_list
            and self.descriptor.full_name not in _NULL_WHEN_ABSENT
        )

    @property
    def keeps_zero(self) -> bool:
        """An explicit zero differs from absence (pointers in Kubernetes)."""
        return bool(self.descriptor.has_presence)


def full_name(message: type[Message]) -> str:
    return message.DESCRIPTOR.full_name


@cache
def fields(descriptor: Descriptor) -> tuple[Field, ...]:
    """The JSON keys of a message type in the order of the schema, flattened structs in their place."""
    return tuple(_walk(descriptor, ()))


def _walk(descriptor: Descriptor, within: tuple[str, ...]) -> Iterator[Field]:
    for field in descriptor.fields:
        rule = field.GetOptions().Extensions[options_pb2.rule]
        if rule.inline and field.message_type is not None:
            yield from _walk(field.message_type, (*within, field.name))
        else:
            yield Field(field.json_name, field, within, rule.always)


def message_class(descriptor: Descriptor) -> type[Message]:
    return GetMessageClass(descriptor)


def has_type_meta(descriptor: Descriptor) -> bool:
    """Whether JSON may carry apiVersion and kind: objects, lists of objects and options of requests."""
    metadata = descriptor.fields_by_name.get("metadata")
    if descriptor.name.endswith("Options") or descriptor.name == "SerializedReference":
        return True
    return metadata is not None and metadata.number == 1 and descriptor.name not in _TEMPLATES


@cache
def api_version(descriptor: Descriptor) -> str:
    """The apiVersion of an object type, from its package: "knarr.apps.v1" is "apps/v1"."""
    _, short, version = descriptor.file.package.split(".")
    group = _GROUPS.get(short, short)
    return f"{group}/{version}" if group else version

"""What tables need to know of a field's shape in Kubernetes: list, map, flattened, embedded by value."""

from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from knarr.api.schema import fields as schema_fields
from knarr.proto.kubernetes import options_pb2


def descriptor_of(message: type[Message], name: str) -> FieldDescriptor:
    """The field of this name; raises KeyError."""
    return cast(FieldDescriptor, message.DESCRIPTOR.fields_by_name[name])


def is_map(descriptor: FieldDescriptor) -> bool:
    entry: Descriptor | None = descriptor.message_type
    return entry is not None and entry.GetOptions().map_entry


def is_inline(descriptor: FieldDescriptor) -> bool:
    return descriptor.GetOptions().Extensions[options_pb2.rule].inline


def is_struct(descriptor: FieldDescriptor) -> bool:
    """Embedded by value in Kubernetes: there is always one, though it may be empty."""
    if is_inline(descriptor):
        return True
    owner = descriptor.containing_type
    assert owner is not None  # only extensions have none
    return any(known.descriptor is descriptor and known.is_struct for known in schema_fields(owner))

"""Objects as bodies of requests. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from knarr.client.set_fields import set_fields
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire

Document = Mapping[str, Any]
Applied = bytes | str | Document | Message


def protobuf(obj: Message) -> wire.Body:
    """A whole object."""
    return wire.Body(protobuf=obj.SerializeToString())


def applied(body: Applied, named: wire.Reference) -> wire.Body:
    """What is to be applied: JSON text in bytes, YAML text in a str, or a document, or a message of which the
    set fields count. The latter two need not say again what object they are for."""
    match body:
        case bytes():
            return wire.Body(json=body)
        case str():
            return wire.Body(yaml=body.encode())
        case Message():
            given: Document = set_fields(body)
        case _:
            given = body
    metadata = {"name": named.name, **given.get("metadata", {})}
    document = {"apiVersion": named.api_version, "kind": named.kind, **given, "metadata": metadata}
    return wire.Body(json=json.dumps(document).encode())


def json_text(document: bytes | Document | list[Document]) -> bytes:
    """A patch as text."""
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def delete_options(
    options: meta.DeleteOptions | None, uid: str, grace_s: int | None, propagation: str
) -> meta.DeleteOptions:
    """The options with what is given besides."""
    result = meta.DeleteOptions()
    if options is not None:
        result.CopyFrom(options)
    if uid:
        result.preconditions.uid = uid
    if grace_s is not None:
        result.gracePeriodSeconds = grace_s
    if propagation:
        result.propagationPolicy = propagation
    return result

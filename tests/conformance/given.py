"""Objects that the recording finds stored, as a server finds those that an older one has stored.

They are put into the store without asking the API, with what today's defaults add: Kubernetes fills these in
when it reads an older object.
"""

from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.rules import default_object
from control_plane.api.rules.jobs import generate_selector
from knarr.api import codec
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from tests.conformance.recording import UID, Record, current

OWN_UID: Final = "5b0ba8ac-3d30-4d1f-9b3e-2d4c1e7f6a55"  # what <uid> stands for in what is sent


def stored_object(kind: Kind, document: Record, uid: str = OWN_UID) -> Message:
    """A recorded object as it is to be stored."""
    value = with_uid(current(document), uid)
    obj: Any = codec.decode_object(value, kind.message)[0].message
    obj.metadata.uid = uid
    if isinstance(obj, batch.Job):
        generate_selector(obj)  # its labels have a second name since
    default_object(kind, obj)
    return obj  # type: ignore[no-any-return]


def with_uid(value: Any, uid: str = OWN_UID) -> Any:
    """A value with the object's own uid where the recording has a placeholder."""
    if isinstance(value, dict):
        return {key.replace(UID, uid): with_uid(item, uid) for key, item in value.items()}
    if isinstance(value, list):
        return [with_uid(item, uid) for item in value]
    return value.replace(UID, uid) if isinstance(value, str) else value

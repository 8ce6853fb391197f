"""What admission says when it refuses an object. Pure."""

from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.refusals import forbidden
from knarr.api.kinds import Kind
from knarr.errors import Cause, Forbidden


def refuse(kind: Kind, obj: Message, why: str, causes: Sequence[Cause] = ()) -> Forbidden:
    """The refusal of an object. One that the server named is told by what its name begins with, as in
    Kubernetes: each try has another name, and a controller that shows the refusal in a status should not have
    news to write at each try."""
    own = metadata(obj)
    generated = own.generateName and own.name.startswith(own.generateName)
    return forbidden(kind, own.generateName if generated else own.name, why, causes)

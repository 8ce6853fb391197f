"""What is written in one step with an object: a namespace's first account, a Service's claims.

Either all of it is stored or nothing, whichever process writes and wherever it stops.
"""

from collections.abc import Container

from google.protobuf.message import Message

from control_plane.api.admission import default_account
from control_plane.api.allocation import Allocator
from control_plane.api.messages import encode
from control_plane.api.rules import default_object
from control_plane.api.strategy import finish_create, prepare_create
from control_plane.store.interface import ABSENT, Write
from knarr.api.kinds import SERVICE_ACCOUNT
from knarr.clock import Clock, Ids
from knarr.proto.kubernetes import core_v1_pb2 as core


class Companions:
    """Makes them."""

    def __init__(self, allocator: Allocator, clock: Clock, ids: Ids) -> None:
        self._allocator = allocator
        self._clock = clock
        self._ids = ids

    def of(self, new: Message, old: Message | None, refused: Container[str] = ()) -> list[Write]:
        """What goes with an object that is made, or changed from `old`; fills in, in place, what it claims
        and does not choose itself. `refused`: keys that were there already at the last try. Raises
        Invalid, InternalError."""
        if isinstance(new, core.Namespace) and old is None:
            return [write for write in self._first_account(new) if write.key not in refused]
        if isinstance(new, core.Service):
            return self._allocator.claim(new, _service(old), refused)
        return []

    async def rehearse(self, new: Message, old: Message | None) -> None:
        """The same where nothing is written; raises ApiError."""
        if isinstance(new, core.Service):
            await self._allocator.rehearse(new, _service(old))

    async def let_go(self, old: Message, new: Message | None) -> None:
        """Give back what an object claimed and claims no more: it was changed to `new`, or is gone (None)."""
        if isinstance(old, core.Service):
            await self._allocator.release(old, _service(new))

    def _first_account(self, namespace: core.Namespace) -> list[Write]:
        account = default_account(namespace.metadata.name)
        prepare_create(SERVICE_ACCOUNT, account, uid=self._ids.uid(), now=self._clock.now())
        default_object(SERVICE_ACCOUNT, account)
        finish_create(SERVICE_ACCOUNT, account)
        own = account.metadata
        return [Write(SERVICE_ACCOUNT.key(own.namespace, own.name), encode(account), ABSENT)]


def _service(obj: Message | None) -> core.Service | None:
    assert obj is None or isinstance(obj, core.Service)
    return obj

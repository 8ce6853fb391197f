"""Writing: one method for each way to change objects. What is repeated when an answer is lost: sending.py."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.client import bodies
from knarr.client.attempts import Write
from knarr.client.preconditions import SCALE
from knarr.client.reads import Reads
from knarr.client.references import kind_of, of_object, reference
from knarr.client.results import DeleteResult, WriteResult
from knarr.client.sending import Settle
from knarr.client.servers import Link
from knarr.errors import ApiError, NotFound, from_status
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)

BATCH = 500  # writes of one call


class Writes(Reads):
    """Calls that change objects. Besides what the server answers each may raise Unreachable (nothing was
    done) and Ambiguous (it may have been done or not)."""

    async def create(self, obj: M, *, dry_run: bool = False, mine: Callable[[M], bool] | None = None) -> M:
        """Create; raises AlreadyExists, Invalid, …

        A create is never sent twice. Where its answer is lost and `mine` is given, the object of that name is
        read: if `mine` says that it is the caller's own (by a token in an annotation, a holder's name, …) it
        is returned as if the answer had come.
        """
        request = wire.CreateRequest(
            reference=of_object(kinds.of(obj), obj),
            body=bodies.protobuf(obj),
            options=self._options(dry_run),
        )
        settle = self._created(type(obj), request.reference, mine) if mine is not None else None
        return _parsed(obj, await self.send(request, settle=settle))

    async def create_all(self, objects: Sequence[M]) -> list[M | ApiError]:
        """Create many objects in few calls, which is several times as fast; each its own outcome, in the
        order given. None waits for another. Of calls whose answers are lost each object's outcome is
        Ambiguous."""
        results: list[M | ApiError] = []
        for start in range(0, len(objects), BATCH):
            results += await self._create_batch(objects[start : start + BATCH])
        return results

    async def update(self, obj: M, *, dry_run: bool = False) -> M:
        """Replace all but status; raises Conflict when metadata.resourceVersion is set and stale. Without it,
        whatever others have written meanwhile is lost: see `change`."""
        return await self._update(obj, "", dry_run)

    async def update_status(self, obj: M, *, dry_run: bool = False) -> M:
        """Replace status only; raises as update does."""
        return await self._update(obj, "status", dry_run)

    async def patch(
        self,
        kind: type[M],
        namespace: str,
        name: str,
        patch: bytes | bodies.Document | list[bodies.Document],
        patch_type: "wire.PatchRequest.Type.ValueType" = wire.PatchRequest.STRATEGIC,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> WriteResult[M]:
        """Change by a patch, given as a document or as JSON text; raises NotFound, Invalid, and Conflict when
        the patch names a resourceVersion."""
        _check_form(subresource)
        request = wire.PatchRequest(
            reference=reference(kind_of(kind), namespace, name),
            type=patch_type,
            patch=bodies.json_text(patch),
            options=self._options(dry_run),
            subresource=subresource,
        )
        return _result(kind, await self.send(request))

    @overload
    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: bodies.Applied,
        *,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
    ) -> WriteResult[Message]: ...

    @overload
    async def apply(
        self,
        kind: type[M],
        namespace: str,
        name: str,
        body: bodies.Applied,
        *,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
    ) -> WriteResult[M]: ...

    async def apply(
        self,
        kind: Kind | type[Message],
        namespace: str,
        name: str,
        body: bodies.Applied,
        *,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
    ) -> WriteResult[Any]:
        """Server-side apply of a document, of a message (the fields that are set in it), of JSON text in
        bytes or of YAML text in a str: only the fields in it are touched, and owned by this client's field
        manager from then on. Documents and messages need not name their object again, texts must. Raises
        Conflict when another manager owns one of the fields and `force` is not given."""
        _check_form(subresource)
        row = kind_of(kind)
        named = reference(row, namespace, name)
        request = wire.ApplyRequest(
            reference=named,
            body=bodies.applied(body, named),
            options=self._options(dry_run),
            force=force,
            subresource=subresource,
        )
        return _result(row.message, await self.send(request))

    @overload
    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        options: meta.DeleteOptions | None = None,
        *,
        uid: str = "",
        grace_s: int | None = None,
        propagation: str = "",
        dry_run: bool = False,
    ) -> DeleteResult[Message]: ...

    @overload
    async def delete(
        self,
        kind: type[M],
        namespace: str,
        name: str,
        options: meta.DeleteOptions | None = None,
        *,
        uid: str = "",
        grace_s: int | None = None,
        propagation: str = "",
        dry_run: bool = False,
    ) -> DeleteResult[M]: ...

    async def delete(
        self,
        kind: Kind | type[Message],
        namespace: str,
        name: str,
        options: meta.DeleteOptions | None = None,
        *,
        uid: str = "",
        grace_s: int | None = None,
        propagation: str = "",
        dry_run: bool = False,
    ) -> DeleteResult[Any]:
        """Delete one object; raises NotFound. With `uid`, that very object or none (Conflict), and the call
        can be repeated when its answer is lost. `propagation`: Background, Foreground or Orphan."""
        if not name:
            raise ValueError("an object to delete has a name; delete_collection deletes all that match")
        row = kind_of(kind)
        request = wire.DeleteRequest(
            reference=reference(row, namespace, name),
            options=bodies.delete_options(options, uid, grace_s, propagation),
            dry_run=dry_run,
        )
        response = await self.send(request)
        left = row.message.FromString(response.object) if response.object else None
        return DeleteResult(left, response.outcome, tuple(response.warnings))

    async def delete_collection(
        self,
        kind: Kind | type[Message],
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        options: meta.DeleteOptions | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete all objects in a namespace that the selectors match: all there are, when there are none.

        Never repeated while in doubt: it would delete what was created meanwhile.
        """
        request = wire.DeleteRequest(
            reference=reference(kind_of(kind), namespace),
            options=options,
            dry_run=dry_run,
            label_selector=labels,
            field_selector=fields,
        )
        await self.send(request)

    async def _update(self, obj: M, subresource: str, dry_run: bool) -> M:
        request = wire.UpdateRequest(
            reference=of_object(kinds.of(obj), obj),
            body=bodies.protobuf(obj),
            options=self._options(dry_run),
            subresource=subresource,
        )
        return _parsed(obj, await self.send(request))

    def _created(self, kind: type[M], named: wire.Reference, mine: Callable[[M], bool]) -> Settle | None:
        """Reads an object that may have been created; a name that the server makes cannot be read."""
        if not named.name:
            return None

        async def read() -> wire.ObjectResponse | None:
            try:
                found = await self.send(wire.GetRequest(reference=named))
            except NotFound:
                return None
            found.outcome = wire.CREATED
            return found if mine(kind.FromString(found.object)) else None

        return read

    async def _create_batch(self, objects: Sequence[M]) -> Sequence[M | ApiError]:
        options = self._options(dry_run=False)
        request = wire.BatchRequest()
        for obj in objects:
            item = wire.CreateRequest(
                reference=of_object(kinds.of(obj), obj), body=bodies.protobuf(obj), options=options
            )
            request.items.add(create=item)

        async def call(link: Link, left_s: float) -> wire.BatchResponse:
            return await link.objects.Batch(request, timeout=left_s)

        try:
            response = await self._attempts.write(Write(f"create of {len(objects)} objects", call))
        except ApiError as error:
            return [error] * len(objects)
        return [
            _parsed(obj, outcome.done) if outcome.HasField("done") else from_status(outcome.failed)
            for obj, outcome in zip(objects, response.outcomes, strict=True)
        ]

    def _options(self, dry_run: bool) -> wire.WriteOptions:
        return wire.WriteOptions(dry_run=dry_run, field_manager=self._field_manager)


def _parsed(like: M, response: wire.ObjectResponse) -> M:
    return type(like).FromString(response.object)


def _result(kind: type[M], response: wire.ObjectResponse) -> WriteResult[M]:
    return WriteResult(kind.FromString(response.object), response.outcome, tuple(response.warnings))


def _check_form(subresource: str) -> None:
    """The answer must be the object itself."""
    if subresource == SCALE:
        raise ValueError("what a scale becomes is no object of the kind: use scale, or send")

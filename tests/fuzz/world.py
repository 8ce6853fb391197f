"""An api server to try inputs on, and what must hold for whatever it stores."""

import contextlib
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from typing import Any, Protocol

from google.protobuf.message import Message

from control_plane.server.explain import explained
from control_plane.server.reads import ReadRequests
from control_plane.server.requests import WriteRequests
from knarr.api import codec
from knarr.api.kinds import KINDS, Kind
from knarr.api.manifest import read_text
from knarr.api.yaml_text import to_yaml
from knarr.errors import ApiError, NotFound
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.target import Wrong
from tests.support.api import ManualClock, api_world
from tests.support.every_kind import every_kind

NAME = "sample"  # of the object of every kind that updates and patches are tried on
OPTIONS = wire.WriteOptions(field_manager="fuzz")
_NO_GRACE = meta.DeleteOptions(gracePeriodSeconds=0)


@cache
def documents() -> dict[Kind, dict[str, Any]]:
    """One ordinary document of every kind, named NAME; not to be changed."""
    return every_kind()


def kind_named(text: str) -> Kind:
    """The kind of "apps/v1 Deployment"; the first of all for any other text."""
    return _KINDS.get(text, KINDS[0])


def name_of(kind: Kind) -> str:
    return f"{kind.api_version} {kind.name}"


_KINDS = {name_of(kind): kind for kind in KINDS}


def one_in(data: bytes, share: int, salt: int = 0) -> bool:
    """A choice that an input itself makes, so that it is made again when the input is played again."""
    return zlib.crc32(data, salt) % share == 0


class Server(Protocol):
    """What answers requests."""

    @property
    def reads(self) -> ReadRequests: ...

    @property
    def writes(self) -> WriteRequests: ...


@dataclass(slots=True)
class World:
    """An api server with a sample of each kind, as far as they were asked for."""

    server: Server

    async def sample(self, kind: Kind) -> Any:
        """The stored sample of a kind; made when there is none."""
        reference = reference_of(kind, NAME)
        try:
            answer = await self.server.reads.get(wire.GetRequest(reference=reference))
        except NotFound:
            body = wire.Body(json=codec.to_json(codec.object_from_dict(documents()[kind]).strict()))
            create = wire.CreateRequest(reference=reference_of(kind, ""), body=body, options=OPTIONS)
            answer = await self.server.writes.create(create)
        return kind.message.FromString(answer.object)

    async def check_stored(self, kind: Kind, answer: wire.ObjectResponse, *, thorough: bool) -> None:
        """What was stored can be read in every form, written back as it is, and deleted; raises Wrong."""
        for warning in answer.warnings:
            if not warning:
                raise Wrong("an empty warning")
        reference = answer.reference
        try:
            read = await self.server.reads.get(wire.GetRequest(reference=reference))
            if read.object != answer.object and kind.message.FromString(
                answer.object
            ) != kind.message.FromString(read.object):
                raise Wrong(f"what was written is not what is read: {reference}")
            obj = kind.message.FromString(read.object)
            check_forms(obj, in_yaml=thorough)
            await self._check_table(reference)
            if thorough:
                await self._check_found(kind, reference, obj)
                check_explained(kind, obj)
            await self._check_no_op(kind, reference, obj)
            await self.remove(kind, reference)
        except ApiError as error:
            raise Wrong(f"a stored object was refused later: {error.code} {error.message}") from error

    async def _check_table(self, reference: wire.Reference) -> None:
        read = await self.server.reads.get(wire.GetRequest(reference=reference, as_table=True))
        if len(read.table.rows) != 1 or len(read.table.rows[0].cells) != len(read.table.columns):
            raise Wrong(f"the table of one object has not one row: {read.table}")

    async def _check_found(self, kind: Kind, reference: wire.Reference, obj: Any) -> None:
        """It is in lists and watches, as itself and as a row."""
        where = wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=reference.namespace)
        fields = f"metadata.name={escaped(reference.name)}"
        for as_table in (False, True):
            request = wire.ListRequest(reference=where, field_selector=fields, as_table=as_table)
            chunks = [chunk async for chunk in self.server.reads.list(request)]
            found = [kind.message.FromString(value) for chunk in chunks for value in chunk.objects]
            rows = [row.reference.name for chunk in chunks for row in chunk.table.rows]
            if (rows != [reference.name]) if as_table else (found != [obj]):
                raise Wrong(f"the object is not listed as it is: {found or rows}")
        watch = wire.WatchRequest(reference=where, field_selector=fields)
        async with aclosing(self.server.reads.watch(watch)) as batches:
            async for batch in batches:
                event = batch.events[0]
                if event.type != wire.WatchEvent.ADDED or kind.message.FromString(event.object) != obj:
                    raise Wrong(f"the object is not watched as it is: {event}")
                return
        raise Wrong("the watch ended without the object")

    async def _check_no_op(self, kind: Kind, reference: wire.Reference, obj: Message) -> None:
        """Written back unchanged, in every form."""
        bodies = (wire.Body(protobuf=obj.SerializeToString()), wire.Body(json=codec.to_json(obj)))
        for body in bodies:
            update = wire.UpdateRequest(reference=reference, body=body, options=OPTIONS)
            answer = await self.server.writes.update(update)
            _expect_unchanged(answer, "an update", obj, kind)
            if "status" in kind.subresources:
                answer = await self.server.writes.update(update, "status")
                _expect_unchanged(answer, "an update of status", obj, kind)
        patch = wire.PatchRequest(
            reference=reference, type=wire.PatchRequest.MERGE, patch=b"{}", options=OPTIONS
        )
        _expect_unchanged(await self.server.writes.patch(patch), "an empty patch", obj, kind)

    async def remove(self, kind: Kind, reference: wire.Reference) -> None:
        """Delete the object, whatever holds it; raises Wrong when it stays."""
        delete = wire.DeleteRequest(reference=reference, options=_NO_GRACE)
        with contextlib.suppress(NotFound):
            answer = await self.server.writes.delete(delete)
            if answer.outcome == wire.DELETED:
                return
            obj: Any = kind.message.FromString(answer.object)
            if kind.name == "Namespace":
                del obj.spec.finalizers[:]
                update = wire.UpdateRequest(reference=reference, options=OPTIONS)
                update.body.protobuf = obj.SerializeToString()
                await self.server.writes.update(update, "finalize")
            patch = wire.PatchRequest(reference=reference, type=wire.PatchRequest.MERGE, options=OPTIONS)
            patch.patch = b'{"metadata":{"finalizers":null}}'
            await self.server.writes.patch(patch)
            await self.server.writes.delete(delete)
            await self.server.reads.get(wire.GetRequest(reference=reference))
            raise Wrong(f"a deleted object stays: {reference}")


def _expect_unchanged(answer: wire.ObjectResponse, what: str, before: Message, kind: Kind) -> None:
    if answer.outcome != wire.UNCHANGED:
        after = kind.message.FromString(answer.object)
        raise Wrong(f"{what} with the object as it is changed it: {_differing(before, after)}")


def check_forms(obj: Message, *, in_yaml: bool) -> None:
    """The object as JSON, and as YAML (which takes longer than all else), says the same; raises Wrong."""
    again = codec.from_json(codec.to_json(obj), type(obj)).strict()
    if again != obj:
        raise Wrong(f"the object is another one after JSON: {_differing(obj, again)}")
    if not in_yaml:
        return
    (document,) = read_text(to_yaml(codec.object_to_dict(obj)))
    if document.decode().strict() != obj:
        raise Wrong(f"the object is another one after YAML: {_differing(obj, document.decode().message)}")


def _differing(one: Message, other: Message) -> str:
    lines = str(one).splitlines(), str(other).splitlines()
    return "\n".join(line for line in unified_diff(*lines, lineterm="", n=1))[:2_000]


def check_explained(kind: Kind, obj: Message) -> None:
    """The server explains a field of the object, another one for each object; raises Wrong."""
    value = codec.to_dict(obj)
    paths = sorted(
        f"{part}.{name}" for part, inner in value.items() if isinstance(inner, dict) for name in inner
    )
    struct = [path for path in paths if path.partition(".")[0] in ("metadata", "spec", "status")]
    path = struct[zlib.crc32(obj.SerializeToString(deterministic=True)) % len(struct)]
    request = wire.ExplainRequest(reference=reference_of(kind, ""), path=path)
    told = explained(request).field
    if told.path != path or not told.type:
        raise Wrong(f"{kind} {path} is explained as {told}")


def escaped(value: str) -> str:
    """A value as it may stand in a field selector."""
    return re.sub(r"([\\\\,=])", r"\\\1", value)


def reference_of(kind: Kind, name: str) -> wire.Reference:
    # Quotas and limits stand elsewhere: the samples of all other kinds are there at the same time.
    namespace = "kube-system" if kind.name in ("ResourceQuota", "LimitRange") else "default"
    namespace = namespace if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace, name=name)


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A server without anything but its namespaces; the same one every time."""
    async with api_world(clock=ManualClock()) as server:
        yield World(server)

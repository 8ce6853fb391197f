"""Kubernetes' REST requests as requests of ObjectService.

The recordings are of REST; each request becomes the message that a client of Knarr would send for it, and
goes to the handlers behind the gRPC server. Nothing is answered here: what no message can say is
NotExpressible.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.scale import SCALE_KIND
from control_plane.server.bodies import received
from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.errors import ApiError, Cause
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.conformance.recording import CURRENT_VERSIONS
from tests.support.api import ApiWorld

JSON: Final = "application/json"
YAML: Final = "application/yaml"
APPLY: Final = "application/apply-patch+yaml"
PATCH_TYPES: Final = {
    "application/strategic-merge-patch+json": wire.PatchRequest.STRATEGIC,
    "application/merge-patch+json": wire.PatchRequest.MERGE,
    "application/json-patch+json": wire.PatchRequest.JSON,
}


class NotExpressible(Exception):
    """ObjectService has no message that says this."""


class Text(str):
    """A body as it was sent, not a JSON value."""


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request."""

    method: str
    path: str
    body: Any = None  # a JSON value, or a Text
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names."""

    reference: wire.Reference
    kind: Kind | None
    subresource: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: a code, and an object, a list of names or a refusal."""

    code: int
    reason: str | None = None
    message: str = ""
    causes: tuple[Cause, ...] = ()
    obj: Message | None = None
    kind: Kind | None = None
    names: tuple[str, ...] = ()
    remaining: int | None = None
    continue_token: str = ""
    status: meta.Status | None = None

    @property
    def accepted(self) -> bool:
        return self.code < 300

    @property
    def document(self) -> dict[str, Any]:
        """The answered object, or Status, as JSON."""
        if self.status is not None:
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **codec.to_dict(self.status)}
        assert self.obj is not None
        return codec.object_to_dict(self.obj)


def target_of(path: str) -> Target:
    """The kind, place, name and subresource that a path names."""
    parts = path.strip("/").split("/")
    version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in kinds.NAMESPACE.subresources:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    version = CURRENT_VERSIONS.get(version, version)
    kind = next((kind for kind in kinds.KINDS if (kind.api_version, kind.plural) == (version, plural)), None)
    reference = wire.Reference(
        api_version=version, kind=kind.name if kind else plural, namespace=namespace, name=name
    )
    return Target(reference, kind, subresource)


class Rest:
    """Carries out REST requests."""

    def __init__(self, world: ApiWorld) -> None:
        self._world = world

    async def call(self, call: Call) -> Answer:
        """The answer; raises NotExpressible."""
        target = target_of(call.path)
        try:
            match call.method:
                case "GET":
                    return await self._get(target, call)
                case "POST" | "PUT":
                    return await self._write(target, call)
                case "PATCH" if call.content_type == APPLY:
                    return await self._apply(target, call)
                case "PATCH":
                    return await self._patch(target, call)
                case "DELETE":
                    return await self._delete(target, call)
        except ApiError as error:
            return Answer(error.code, error.reason, error.message, error.causes, status=error.status())
        raise NotExpressible(call.method)

    async def _get(self, target: Target, call: Call) -> Answer:
        if not target.reference.name:
            return await self._list(target, call)
        request = wire.GetRequest(reference=target.reference, subresource=target.subresource)
        return _answer(200, target, await self._world.reads.get(request))

    async def _list(self, target: Target, call: Call) -> Answer:
        request = wire.ListRequest(
            reference=target.reference,
            label_selector=call.query.get("labelSelector", ""),
            field_selector=call.query.get("fieldSelector", ""),
            limit=_number(call, "limit"),
            continue_token=call.query.get("continue", ""),
            resource_version=call.query.get("resourceVersion", ""),
        )
        chunks = [chunk async for chunk in self._world.reads.list(request)]
        last, kind = chunks[-1], target.kind
        assert kind is not None
        objects: list[Any] = [kind.message.FromString(value) for each in chunks for value in each.objects]
        return Answer(
            200,
            kind=kind,
            names=tuple(obj.metadata.name for obj in objects),
            remaining=last.remaining_items if last.HasField("remaining_items") else None,
            continue_token=last.continue_token,
        )

    async def _write(self, target: Target, call: Call) -> Answer:
        """A new object, or one instead of another."""
        said: Any = {
            "reference": target.reference,
            "body": _body(call),
            "options": _options(call),
            "subresource": target.subresource,
        }
        if call.method == "POST":
            return _answer(201, target, await self._world.writes.create(wire.CreateRequest(**said)))
        return _answer(200, target, await self._world.writes.update(wire.UpdateRequest(**said)))

    async def _patch(self, target: Target, call: Call) -> Answer:
        request = wire.PatchRequest(
            reference=target.reference,
            type=PATCH_TYPES.get(call.content_type, wire.PatchRequest.UNSPECIFIED),
            patch=_bytes(call.body),
            options=_options(call),
            subresource=target.subresource,
        )
        return _answer(200, target, await self._world.writes.patch(request))

    async def _apply(self, target: Target, call: Call) -> Answer:
        # Unknown fields are refused whatever is asked for: nobody can own them.
        request = wire.ApplyRequest(
            reference=target.reference,
            body=_body(call),
            options=_options(call, wire.STRICT),
            force=call.query.get("force") == "true",
            subresource=target.subresource,
        )
        answer = await self._world.writes.apply(request)
        return _answer(201 if answer.outcome == wire.CREATED else 200, target, answer)

    async def _delete(self, target: Target, call: Call) -> Answer:
        options = _delete_options(call)
        request = wire.DeleteRequest(
            reference=target.reference,
            options=options,
            label_selector=call.query.get("labelSelector", ""),
            field_selector=call.query.get("fieldSelector", ""),
        )
        return _answer(200, target, await self._world.writes.delete(request))


def _body(call: Call) -> wire.Body:
    if call.body is None:
        return wire.Body()
    if isinstance(call.body, Text) and call.content_type in (YAML, APPLY):
        return wire.Body(yaml=_bytes(call.body))
    if call.content_type not in (JSON, APPLY):
        raise NotExpressible(call.content_type)
    return wire.Body(json=_bytes(call.body))


def _bytes(body: Any) -> bytes:
    return (body if isinstance(body, Text) else json.dumps(body)).encode()


def _options(call: Call, validation: "wire.FieldValidation.ValueType" = wire.IGNORE) -> wire.WriteOptions:
    """The recorded server drops unknown fields silently, which is what IGNORE asks for."""
    dry_run = call.query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise NotExpressible(f"dryRun={dry_run}")
    return wire.WriteOptions(
        dry_run=dry_run == "All",
        field_manager=call.query.get("fieldManager", ""),
        field_validation=validation,
    )


def _number(call: Call, name: str) -> int:
    text = call.query.get(name, "0")
    try:
        return int(text)
    except ValueError:
        raise NotExpressible(f"{name}={text}") from None


def _delete_options(call: Call) -> meta.DeleteOptions:
    """What the body says or, without one, the query."""
    if call.body is not None:
        return received(meta.DeleteOptions, wire.Body(json=_bytes(call.body)), wire.IGNORE).message
    query, options = call.query, meta.DeleteOptions()
    if "gracePeriodSeconds" in query:
        options.gracePeriodSeconds = _number(call, "gracePeriodSeconds")
    if "orphanDependents" in query:
        options.orphanDependents = query["orphanDependents"] == "true"
    options.propagationPolicy = query.get("propagationPolicy", "")
    options.dryRun.extend([query["dryRun"]] if "dryRun" in query else [])
    return options


def _answer(code: int, target: Target, answer: wire.ObjectResponse) -> Answer:
    kind = SCALE_KIND if target.subresource == "scale" else target.kind
    assert kind is not None
    if not answer.object:
        return Answer(code, kind=kind, status=answer.status)
    return Answer(code, kind=kind, obj=kind.message.FromString(answer.object))

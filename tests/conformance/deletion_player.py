"""Plays one recorded sequence of deletions against the API, step by step, with a watch beside it."""

import asyncio
import contextlib
import json
import re
from typing import Any

from control_plane.api.messages import metadata
from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.clock import SystemClock
from knarr.errors import ApiError, BadRequest
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.conformance.records import CURRENT_VERSIONS, current
from tests.support.api import ApiWorld
from tests.support.waiting import until

PATCHES = {
    None: wire.PatchRequest.MERGE,
    "application/merge-patch+json": wire.PatchRequest.MERGE,
    "application/json-patch+json": wire.PatchRequest.JSON,
    "application/strategic-merge-patch+json": wire.PatchRequest.STRATEGIC,
}
NAME_LABEL = "kubernetes.io/metadata.name"  # newer than the recording
EVENTS_WITHIN_S = 1.0
_VERSION = re.compile(r"in record \(\d+\)")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Unserved(Exception):
    """A step is about a kind that is not served yet."""


class Clock(SystemClock):
    """The machine's clock, moved on by the recorded sleeps."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


class Player:
    """Plays one sequence."""

    def __init__(self, world: ApiWorld, clock: Clock, record: dict[str, Any], namespace: str) -> None:
        self._world = world
        self._clock = clock
        self._record = record
        self._namespace = namespace
        self._kind = kinds.find_alias(record["kind"])
        self._seen: list[dict[str, Any]] = []

    async def differences(self) -> list[str]:
        """Everything that differs from the recording."""
        assert self._kind is not None
        found: list[str] = []
        version = str(self._world.objects.version(self._kind))
        watching = asyncio.create_task(self._watch(self._kind, version), name="watch")
        try:
            for number, step in enumerate(self._record["steps"]):
                texts = _compared(step, *await self._step(step))
                found += [f"step {number} {step['op']}: {text}" for text in texts]
            found += await self._compare_events()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        return found

    async def _watch(self, kind: Kind, version: str) -> None:
        reference = wire.Reference(
            api_version=kind.api_version, kind=kind.name, namespace=self._namespace if kind.namespaced else ""
        )
        request = wire.WatchRequest(reference=reference, resource_version=version)
        async for batch in self._world.reads.watch(request):
            for event in batch.events:
                obj = codec.to_dict(kind.message.FromString(event.object))
                self._seen.append({"type": wire.WatchEvent.Type.Name(event.type), **_shown_event(obj)})

    async def _compare_events(self) -> list[str]:
        names = {event["name"] for event in self._record["watch_events"]}
        wanted = [dict(event) for event in self._record["watch_events"]]
        for event in wanted:
            if self._record["kind"] == "Pod":
                event["generation"] = None

        def ours() -> list[dict[str, Any]]:
            return [
                {**event, "generation": None if self._record["kind"] == "Pod" else event["generation"]}
                for event in self._seen
                if event["name"] in names
            ]

        with contextlib.suppress(AssertionError):
            await until(lambda: len(ours()) >= len(wanted), "the events", EVENTS_WITHIN_S)
        return [] if ours() == wanted else [f"events: ours {ours()}, recorded {wanted}"]

    async def _step(self, step: dict[str, Any]) -> tuple[int, str | None, Any, str]:
        try:
            code, answer = await self._answer(step)
            return code, None, answer, ""
        except ApiError as error:
            return error.code, error.reason, None, error.message

    async def _answer(self, step: dict[str, Any]) -> tuple[int, Any]:
        kind, name = self._kind, step.get("name") or "obj"
        assert kind is not None
        writes, reads = self._world.writes, self._world.reads
        match step["op"]:
            case "sleep":
                self._clock.ahead_s += step["seconds"]
                return 0, None
            case "create":
                return await self._create(kind, step["body"], "")
            case "post":
                return await self._post(step)
            case "get":
                got = await reads.get(wire.GetRequest(reference=self._named(kind, name)))
                return 200, _object(kind, got)
            case "patch":
                request = wire.PatchRequest(
                    reference=self._named(kind, name),
                    type=PATCHES[step.get("patch_type")],
                    patch=json.dumps(step["patch"]).encode(),
                    subresource=step.get("subresource") or "",
                )
                return 200, _object(kind, await writes.patch(request))
            case "put" | "finalize":
                return await self._put(kind, name, step)
            case "apply":
                body = wire.Body(json=json.dumps(self._placed(step["body"])).encode())
                options = wire.WriteOptions(field_manager=step.get("manager") or "player")
                request_ = wire.ApplyRequest(reference=self._named(kind, name), body=body, options=options)
                return 200, _object(kind, await writes.apply(request_))
            case "delete":
                return await self._delete(kind, name, step)
            case "deletecollection":
                query = step.get("query") or {}
                await writes.delete(
                    wire.DeleteRequest(
                        reference=self._named(kind, ""),
                        options=await self._options(kind, name, step),
                        label_selector=query.get("labelSelector", ""),
                        field_selector=query.get("fieldSelector", ""),
                    )
                )
                return 200, {"kind": f"{kind.name}List", "metadata": {}}
            case "evict":
                return await self._create(kind, step["body"], "eviction", name)
        raise AssertionError(step["op"])

    async def _create(
        self, kind: Kind, body: dict[str, Any], subresource: str, name: str = ""
    ) -> tuple[int, Any]:
        request = wire.CreateRequest(
            reference=self._named(kind, name),
            body=wire.Body(json=json.dumps(self._placed(current(body))).encode()),
            subresource=subresource,
        )
        answer = await self._world.writes.create(request)
        return 201, _object(kind, answer)

    async def _post(self, step: dict[str, Any]) -> tuple[int, Any]:
        parts = step["path"].split("/")
        body = step["body"]
        if parts[-1] in ("binding", "eviction"):
            return await self._create(kinds.POD, body, parts[-1], parts[-2])
        kind = kinds.find_alias(parts[-1])
        if kind is None:
            raise Unserved(parts[-1])
        place = parts[parts.index("namespaces") + 1]
        namespace = self._namespace if place == "deletion" else place
        request = wire.CreateRequest(
            reference=wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace),
            body=wire.Body(json=json.dumps(current(body)).encode()),
        )
        return 201, _object(kind, await self._world.writes.create(request))

    async def _put(self, kind: Kind, name: str, step: dict[str, Any]) -> tuple[int, Any]:
        obj = await self._world.api.get(kind, self._space(kind), name)
        value = codec.object_to_dict(obj)
        if step["op"] == "finalize":
            value["spec"]["finalizers"] = []
        else:
            _merge(value, step.get("set") or step.get("body") or {})
        request = wire.UpdateRequest(
            reference=self._named(kind, name),
            body=wire.Body(json=json.dumps(value).encode()),
            subresource="finalize" if step["op"] == "finalize" else step.get("subresource") or "",
        )
        return 200, _object(kind, await self._world.writes.update(request))

    async def _delete(self, kind: Kind, name: str, step: dict[str, Any]) -> tuple[int, Any]:
        answer = await self._world.writes.delete(
            wire.DeleteRequest(
                reference=self._named(kind, name), options=await self._options(kind, name, step)
            )
        )
        if answer.HasField("status") and not answer.object:
            return 200, _status(answer)
        return 200, _object(kind, answer)

    async def _options(self, kind: Kind, name: str, step: dict[str, Any]) -> meta.DeleteOptions:
        given = dict(step.get("options") or {})
        if given.get("kind", "DeleteOptions") != "DeleteOptions":
            raise BadRequest("the body is no DeleteOptions")
        for key in ("kind", "apiVersion"):
            given.pop(key, None)
        if not step.get("options"):
            for key, value in (step.get("query") or {}).items():
                if key in ("gracePeriodSeconds",):
                    given[key] = int(value)
                elif key in ("propagationPolicy",):
                    given[key] = value
                elif key == "orphanDependents":
                    given[key] = value == "true"
                elif key == "dryRun":
                    given[key] = [value]
        text = json.dumps(given)
        if "$UID" in text or "$RV" in text:
            own = metadata(await self._world.api.get(kind, self._space(kind), name))
            text = text.replace("$UID", own.uid).replace("$RV", own.resourceVersion)
        return codec.from_dict(json.loads(text), meta.DeleteOptions)

    def _placed(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body in the namespace of this run."""
        own = body.get("metadata") or {}
        if own.get("namespace") == "deletion":
            return {**body, "metadata": {**own, "namespace": self._namespace}}
        return body

    def _space(self, kind: Kind) -> str:
        return self._namespace if kind.namespaced else ""

    def _named(self, kind: Kind, name: str) -> wire.Reference:
        return wire.Reference(
            api_version=kind.api_version, kind=kind.name, namespace=self._space(kind), name=name
        )


def _object(kind: Kind, answer: wire.ObjectResponse) -> Any:
    if not answer.object:
        return _status(answer)
    return codec.object_to_dict(kind.message.FromString(answer.object))


def _status(answer: wire.ObjectResponse) -> dict[str, Any]:
    return {"metadata": {}, "apiVersion": "v1", "kind": "Status", **codec.to_dict(answer.status)}


def _merge(value: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, change in changes.items():
        if isinstance(change, dict) and isinstance(value.get(key), dict):
            _merge(value[key], change)
        else:
            value[key] = change


def _shown_event(obj: dict[str, Any]) -> dict[str, Any]:
    own = obj["metadata"]
    return {
        "name": own["name"],
        "deletionTimestamp": "<time>" if own.get("deletionTimestamp") else None,
        "deletionGracePeriodSeconds": own.get("deletionGracePeriodSeconds"),
        "finalizers": own.get("finalizers"),
        "generation": own.get("generation"),
        "phase": (obj.get("status") or {}).get("phase"),
    }


def _compared(step: dict[str, Any], code: int, reason: str | None, answer: Any, message: str) -> list[str]:
    if step["op"] == "sleep":
        return []
    if code != step["code"]:
        return [f"code {code} ({message}), recorded {step['code']} ({step.get('message', '')})"]
    found = []
    if step.get("reason") and reason != step["reason"]:
        found.append(f"reason {reason}, recorded {step['reason']}")
    if step.get("message") and message and _plain(message) != _plain(step["message"]):
        found.append(f"message {message}, recorded {step['message']}")
    if step.get("response"):
        ours, theirs = _essence(answer), _essence(step["response"])
        if ours != theirs:
            found.append(f"answer {ours}, recorded {theirs}")
    return found


def _plain(message: str) -> str:
    """A message without what is new in each run."""
    text = _VERSION.sub("in record (<resourceVersion>)", _UID.sub("<uid>", message))
    # Lists are shown as Go shows them in one and as JSON in the other.
    return text.replace("[]string{", "[").replace("}", "]").replace('"', "'")


def _timeless(value: Any) -> Any:
    """What each run has alike: null and absent are one (1.20 writes both), times are no news."""
    if isinstance(value, dict):
        return {
            key: "<time>" if key.endswith(("Time", "Timestamp")) else _timeless(item)
            for key, item in value.items()
            if item is not None
        }
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _essence(answer: dict[str, Any]) -> dict[str, Any]:
    """All of an answer that is the same in each run and in each version of Kubernetes."""
    if answer["kind"].endswith("List"):
        return {"kind": answer["kind"]}
    answer = _timeless(answer)
    own = answer["metadata"]
    for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"):
        own.pop(name, None)
    answer["apiVersion"] = CURRENT_VERSIONS.get(answer["apiVersion"], answer["apiVersion"])
    if answer["kind"] == "Pod":
        own.pop("generation", None)
    if answer["kind"] == "Status":
        answer = {key: answer[key] for key in ("kind", "status", "details") if key in answer}
        answer.get("details", {}).pop("uid", None)
    labels = {key: value for key, value in own.pop("labels", {}).items() if key != NAME_LABEL}
    return {**answer, "labels": labels}

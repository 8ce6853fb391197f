"""Plays deletion.jsonl.gz: deletes, finalizers, grace and preconditions, with a watch beside them.

A sequence is one case: it agrees when every step has the recorded code, reason, message and object, its
deletionTimestamp as long after the first delete as recorded (within a second), and when a watch from before
the first step saw the recorded events.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final

from control_plane.api.messages import metadata
from knarr.api import codec
from knarr.api.kinds import Kind
from knarr.proto.services import object_service_pb2 as wire
from tests.conformance import objects
from tests.conformance.cases import Case, Difference, differing, judged
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import APPLY, Answer, Call
from tests.conformance.world import Server
from tests.support.waiting import until

NAMESPACE: Final = "deletion"
NAME: Final = "obj"
EVENTS_WITHIN_S: Final = 1.0
ROUNDED_S: Final = 1.0
_MERGE: Final = "application/merge-patch+json"
_VERSION: Final = re.compile(r"in record \(\d+\)")
_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OFFSET: Final = "deletionTimestamp_minus_first_delete_request_s"


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every sequence with how our answers and events differ."""
    await server.add_namespace(NAMESPACE)
    for record in records:
        case = Case(record["id"], f"{record['kind']}: {record['title']}", record)
        yield await judged(case, Sequence(server, record).play())
        await server.clear()


class Sequence:
    """One object, sometimes several, and what is done to them."""

    def __init__(self, server: Server, record: Record) -> None:
        self._server = server
        self._record = record
        self._kind = kind_named(record["kind"])
        self._place = NAMESPACE if self._kind.namespaced else ""
        self._first_delete: float | None = None
        self._events: list[Record] = []

    async def play(self) -> list[Difference]:
        """Carry out all steps; how they differ."""
        found: list[Difference] = []
        version = str(self._server.world.objects.version(self._kind))
        watching = asyncio.create_task(self._watch(version), name="watch")
        try:
            for number, step in enumerate(self._record["steps"]):
                if step["op"] == "sleep":
                    self._server.clock.time += step["seconds"]
                    continue
                if step["op"] in ("delete", "deletecollection") and self._first_delete is None:
                    self._first_delete = self._server.clock.now()
                answer = await self._server.call(await self._call(step))
                for each in self._compare(step, answer):
                    path = f"step {number} {step['op']} {each.path}".strip()
                    found.append(Difference(each.aspect, path, each.ours, each.recorded))
            return found + await self._compare_events()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    # requests

    async def _call(self, step: Record) -> Call:
        name, query = step.get("name") or NAME, step.get("query") or {}
        path = self._path(name, step.get("subresource") or "")
        body = current(step.get("body"))
        match step["op"]:
            case "create":
                return Call("POST", self._path(), body)
            case "post":
                return Call("POST", step["path"], body)
            case "get":
                return Call("GET", path)
            case "patch":
                return Call("PATCH", path, step["patch"], content_type=step.get("patch_type") or _MERGE)
            case "put":
                value = await self._document(name)
                _merge(value, step.get("set") or body or {})
                return Call("PUT", path, value)
            case "finalize":
                value = await self._document(name)
                value["spec"]["finalizers"] = []
                return Call("PUT", self._path(name, "finalize"), value)
            case "apply":
                return Call("PATCH", path, body, {"fieldManager": step.get("manager") or "player"}, APPLY)
            case "delete":
                return Call("DELETE", path, await self._options(step, name), query)
            case "deletecollection":
                return Call("DELETE", self._path(), await self._options(step, name), query)
        assert step["op"] == "evict", step["op"]
        return Call("POST", self._path(name, "eviction"), body)

    def _path(self, name: str = "", subresource: str = "") -> str:
        return path_of(self._kind, self._place, name, subresource)

    async def _document(self, name: str) -> Record:
        return (await self._server.call(Call("GET", self._path(name)))).document

    async def _options(self, step: Record, name: str) -> Any:
        """The body of a delete, with the object's own uid and version where it asks for them."""
        text = json.dumps(step.get("options"))
        if "$UID" in text or "$RV" in text:
            own = (await self._document(name))["metadata"]
            text = text.replace("$UID", own["uid"]).replace("$RV", own["resourceVersion"])
        return json.loads(text)

    # answers

    def _compare(self, step: Record, answer: Answer) -> Iterator[Difference]:
        if step["code"] == 500 and 400 <= answer.code < 500 and "400" in self._record.get("caveat", ""):
            return
        if answer.code != step["code"]:
            recorded = f"{step['code']} {step.get('message') or ''}".strip()
            yield Difference("code", "", f"{answer.code} {answer.message}".strip(), recorded)
            return
        if not answer.accepted:
            yield from differing("reason", answer.reason, step.get("reason"))
            if step.get("message"):
                yield from differing("message", _plain(answer.message), _plain(step["message"]))
            return
        yield from self._compare_response(answer, step.get("response"))
        yield from self._compare_offset(answer, step.get(_OFFSET))

    def _compare_response(self, answer: Answer, recorded: Record | None) -> Iterator[Difference]:
        if recorded is None or recorded["kind"].endswith("List"):
            return
        if answer.obj is None or recorded["kind"] == "Status":
            ours = answer.document
            theirs = current(recorded)
            yield from differing("object", ours["kind"], theirs["kind"])
            for part in ("status", "details"):
                yield from objects.differences(_nameless(ours.get(part)), _nameless(theirs.get(part)), part)
            return
        assert answer.kind is not None
        yield from objects.compare(answer.kind, answer.obj, recorded)

    def _compare_offset(self, answer: Answer, recorded: float | None) -> Iterator[Difference]:
        if recorded is None or answer.obj is None or self._first_delete is None:
            return
        own = metadata(answer.obj)
        if not own.HasField("deletionTimestamp"):
            return  # told as a difference of the object
        ours = own.deletionTimestamp.seconds - self._first_delete
        if abs(ours - recorded) > ROUNDED_S:
            yield Difference("offset", "metadata.deletionTimestamp", ours, recorded)

    # events

    async def _watch(self, version: str) -> None:
        kind = self._kind
        reference = wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=self._place)
        request = wire.WatchRequest(reference=reference, resource_version=version)
        async for batch in self._server.world.reads.watch(request):
            for event in batch.events:
                obj = kind.message.FromString(event.object)
                self._events.append({"type": wire.WatchEvent.Type.Name(event.type), **_in_event(kind, obj)})

    async def _compare_events(self) -> list[Difference]:
        """Events of the names that the recording has; a pod's generation is newer than that."""
        recorded = [dict(event) for event in self._record["watch_events"]]
        names = {event["name"] for event in recorded}
        if ("metadata", "generation") in objects.newer_paths(self._kind):
            for event in recorded:
                event["generation"] = None

        def ours() -> list[Record]:
            return [event for event in self._events if event["name"] in names]

        with contextlib.suppress(AssertionError):
            await until(lambda: len(ours()) >= len(recorded), "the events", EVENTS_WITHIN_S)
        return list(objects.differences(ours(), recorded, "", "events"))


def _merge(value: Record, changes: Record) -> None:
    for key, change in changes.items():
        if isinstance(change, dict) and isinstance(value.get(key), dict):
            _merge(value[key], change)
        else:
            value[key] = change


def _in_event(kind: Kind, obj: Any) -> Record:
    """What the recording has of the object of an event."""
    value = codec.to_dict(obj)
    own = value["metadata"]
    counted = ("metadata", "generation") not in objects.newer_paths(kind)
    return {
        "name": own["name"],
        "deletionTimestamp": "<time>" if own.get("deletionTimestamp") else None,
        "deletionGracePeriodSeconds": own.get("deletionGracePeriodSeconds"),
        "finalizers": own.get("finalizers"),
        "generation": own.get("generation") if counted else None,
        "phase": (value.get("status") or {}).get("phase"),
    }


def _nameless(part: Any) -> Any:
    """A part of a Status without the uid, which is new in each run."""
    return {key: value for key, value in part.items() if key != "uid"} if isinstance(part, dict) else part


def _plain(message: str) -> str:
    """A message without what is new in each run; lists are shown as Go shows them in one, as JSON in ours."""
    text = _VERSION.sub("in record (<resourceVersion>)", _UID.sub("<uid>", message))
    return text.replace("[]string{", "[").replace("}", "]").replace('"', "'")

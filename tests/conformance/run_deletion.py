"""Plays recorded sequences of deletions against the API; prints agreeing / all.

Run as `python -m tests.conformance.run_deletion [another recording of this form]`. A sequence agrees when each
step has the recorded code, reason, object (metadata that deletion is about, or Status) and message, and when a
watch saw the recorded events. Every disagreement is listed; those that are wanted stand in WANTED with their
reason. Ends with 1 below TARGET.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from control_plane.api.messages import metadata
from control_plane.api.settings import ApiSettings
from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.clock import SystemClock
from knarr.errors import ApiError, from_status
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.conformance.records import HERE, current, read
from tests.support.api import ApiWorld, add_namespace, api_world

TARGET = 0.97
PATCHES = {
    None: wire.PatchRequest.MERGE,
    "application/merge-patch+json": wire.PatchRequest.MERGE,
    "application/json-patch+json": wire.PatchRequest.JSON,
    "application/strategic-merge-patch+json": wire.PatchRequest.STRATEGIC,
}
OUR_METADATA = (
    "name",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "generation",
    "labels",
)
# Part of the disagreement, the reason.
WANTED = (
    (
        "step 1 delete: code 400 (the body is no DeleteOptions)",
        "a body of another kind is answered 400, as newer servers do (the record's caveat)",
    ),
    (
        "'name': 'obj3', 'deletionTimestamp': '<time>', 'deletionGracePeriodSeconds': 9",
        "1.20 hands the grace of one object of a collection on to the next; newer servers, and Knarr, do not",
    ),
)
EVENTS_WITHIN_S = 0.5


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
                code, reason, answer, message = await self._step(step)
                found += [
                    f"step {number} {step['op']}: {text}"
                    for text in _compared(step, code, reason, answer, message)
                ]
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
        wanted = [_shown(event) for event in self._record["watch_events"]]
        for event in wanted:
            if self._record["kind"] == "Pod":
                event["generation"] = None

        def ours() -> list[dict[str, Any]]:
            return [
                {**event, "generation": None if self._record["kind"] in ("Pod",) else event["generation"]}
                for event in self._seen
                if event["name"] in names
            ]

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVENTS_WITHIN_S):
                while len(ours()) < len(wanted):
                    await asyncio.sleep(0.002)
        await asyncio.sleep(0)
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
            return 200, {"kind": "Status", **codec.to_dict(answer.status)}
        return 200, _object(kind, answer)

    async def _options(self, kind: Kind, name: str, step: dict[str, Any]) -> meta.DeleteOptions:
        given = dict(step.get("options") or {})
        if given.get("kind", "DeleteOptions") != "DeleteOptions":
            raise from_status(
                meta.Status(code=400, reason="BadRequest", message="the body is no DeleteOptions")
            )
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
        return {"kind": "Status", **codec.to_dict(answer.status)}
    return codec.object_to_dict(kind.message.FromString(answer.object))


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


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    return dict(event)


def _compared(step: dict[str, Any], code: int, reason: str | None, answer: Any, message: str) -> list[str]:
    if step["op"] == "sleep":
        return []
    if code != step["code"]:
        return [f"code {code} ({message}), recorded {step['code']} ({step.get('message', '')})"]
    found = []
    if step.get("reason") and reason != step["reason"]:
        found.append(f"reason {reason}, recorded {step['reason']}")
    if step.get("response"):
        ours, theirs = _essence(answer), _essence(step["response"])
        if ours != theirs:
            found.append(f"answer {ours}, recorded {theirs}")
    return found


def _essence(answer: Any) -> Any:
    if answer is None:
        return None
    own = answer.get("metadata") or {}
    shown: dict[str, Any] = {key: own[key] for key in OUR_METADATA if own.get(key)}
    if answer["kind"] == "Pod":
        shown.pop("generation", None)
    if "deletionTimestamp" in shown:
        shown["deletionTimestamp"] = "<time>"
    if shown.get("labels"):
        shown["labels"] = {k: v for k, v in shown["labels"].items() if k != "kubernetes.io/metadata.name"}
    if not shown.get("labels"):
        shown.pop("labels", None)
    if answer["kind"] == "Status":
        details = {key: value for key, value in (answer.get("details") or {}).items() if key != "uid"}
        return {"kind": "Status", "status": answer.get("status"), "details": details}
    if answer["kind"].endswith("List"):
        return {"kind": answer["kind"]}
    return {
        "kind": answer["kind"],
        **shown,
        "spec": _spec(answer),
        "phase": (answer.get("status") or {}).get("phase"),
    }


def _spec(answer: Any) -> Any:
    spec = answer.get("spec") or {}
    return {key: spec[key] for key in ("replicas", "nodeName", "finalizers") if key in spec}


async def play(path: Path) -> int:
    counts = dict.fromkeys(("agreeing", "wanted", "different", "unserved"), 0)
    clock = Clock()
    async with api_world(settings=ApiSettings(toleration_s=300), clock=clock) as world:
        for number, record in enumerate(read(path.name, path.parent)):
            verdict, texts = await _judged(world, clock, record, f"deletion-{number}")
            counts[verdict] += 1
            for text in texts:
                print(f"{verdict:9} {record['id']} {record['kind']} {record['title']}: {text}")
    total = sum(counts.values())
    share = counts["agreeing"] / max(1, total - counts["unserved"] - counts["wanted"])
    print(
        f"deletion: {counts['agreeing']} of {total} agree, {counts['wanted']} disagree as wanted, "
        f"{counts['unserved']} are of kinds not served yet: {share:.1%}"
    )
    return 0 if share >= TARGET else 1


async def _judged(
    world: ApiWorld, clock: Clock, record: dict[str, Any], namespace: str
) -> tuple[str, list[str]]:
    """(agreeing, wanted, different or unserved; what differs or why)."""
    if kinds.find_alias(record["kind"]) is None:
        return "unserved", []
    await add_namespace(world, namespace)
    try:
        found = await Player(world, clock, record, namespace).differences()
    except Unserved:
        return "unserved", []
    if not found:
        return "agreeing", []
    reasons = [next((why for part, why in WANTED if part in text), "") for text in found]
    return ("wanted", [why for why in reasons if why]) if any(reasons) else ("different", found)


if __name__ == "__main__":
    sys.exit(asyncio.run(play(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "deletion.jsonl.gz")))

"""Plays apply.jsonl.gz: server-side apply, and who owns which field; each step is a case.

Compared after every step: the code; of a conflict its causes and, where there is one cause alone, its
message; of what is stored then, the object, the owner of every field, and whether its version has changed.
After a step that left something else, the recorded state is put into the store, so that a difference counts
once.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final

from control_plane.api.messages import metadata
from control_plane.api.patching import field_sets
from knarr.api import codec
from knarr.api.kinds import Kind
from knarr.errors import Cause
from tests.conformance import objects
from tests.conformance.cases import Case, Difference, differing, differing_sets, judged
from tests.conformance.given import stored_object
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import APPLY, Answer, Call, Text
from tests.conformance.world import Server

NAMESPACE: Final = "apply"
CONFLICT: Final = "FieldManagerConflict"


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every step with how our answer, and what it left, differ."""
    await server.add_namespace(NAMESPACE)
    for record in records:
        sequence = Sequence(server, record)
        for number, step in enumerate(record["steps"]):
            case = Case(f"{record['id']}[{number}]", _in_short(record, step), record, step)
            yield await judged(case, sequence.play(step))
        await server.clear()


def _in_short(record: Record, step: Record) -> str:
    where = f"{record['kind']}/{step['subresource']}" if step.get("subresource") else record["kind"]
    force = " force" if step.get("force") else ""
    return f"{step['op']} {where} by {step['manager']}{force}: {record['title']}"


class Sequence:
    """One object and its requests."""

    def __init__(self, server: Server, record: Record) -> None:
        self._server = server
        self._kind = kind_named(record["kind"])
        self._name = _name(record)
        self._place = NAMESPACE if self._kind.namespaced else ""

    async def play(self, step: Record) -> list[Difference]:
        """Carry out a step; how it differs."""
        before = await self._stored()
        answer = await self._server.call(self._call(step, before))
        after = await self._stored()
        found = list(_of_answer(step, answer))
        left = list(self._of_state(step, before, after))
        if left:
            await self._mend(step, after)
        return found + left

    def _call(self, step: Record, before: Answer) -> Call:
        query = {"fieldManager": step["manager"], **(step.get("query") or {})}
        body = current(step.get("body"))
        body = Text(body) if isinstance(body, str) else body
        path = path_of(self._kind, self._place, self._name, step.get("subresource") or "")
        match step["op"]:
            case "apply":
                query["force"] = "true" if step.get("force") else "false"
                return Call("PATCH", path, body, query, APPLY)
            case "create":
                return Call("POST", path_of(self._kind, self._place), body, query)
            case "patch":
                return Call("PATCH", path, body, query, step["patch_type"])
        assert step["op"] == "update", step["op"]
        value = before.document
        value["metadata"].pop("managedFields", None)
        for place, new in step["set"]:
            _set(value, place.split("."), new)
        return Call("PUT", path, value, query)

    async def _stored(self) -> Answer:
        return await self._server.call(Call("GET", path_of(self._kind, self._place, self._name)))

    def _of_state(self, step: Record, before: Answer, after: Answer) -> Iterator[Difference]:
        """How what is stored now differs."""
        if (after.obj is None) != (step["object"] is None):
            yield Difference("object", "", after.message or "an object", step["object"] or "no object")
            return
        if after.obj is None:
            return
        yield from objects.compare(self._kind, after.obj, step["object"])
        yield from _of_owners(self._kind, after.obj, step.get("managedFields") or [])
        if before.obj is not None:
            changed = metadata(before.obj).resourceVersion != metadata(after.obj).resourceVersion
            yield from differing("changed", changed, step["resourceVersion_changed"])

    async def _mend(self, step: Record, after: Answer) -> None:
        """Put the recorded state into the store."""
        if step["object"] is None:
            if after.obj is not None:
                await self._server.remove(self._kind, after.obj)
            return
        document = json.loads(json.dumps(step["object"]))
        document["metadata"]["managedFields"] = current(step.get("managedFields") or [])
        known = metadata(after.obj).uid if after.obj is not None else ""
        obj = stored_object(self._kind, document, known) if known else stored_object(self._kind, document)
        await self._server.put(self._kind, obj, after.obj)


def _name(record: Record) -> str:
    """The name that the URLs of a sequence have: that of its object. Of one that never comes to be it is the
    usual one, or of a kind without namespaces the one in the body."""
    steps = record["steps"]
    names = [step["object"]["metadata"]["name"] for step in steps if step.get("object")]
    if not names and not kind_named(record["kind"]).namespaced:
        names = [step["body"]["metadata"]["name"] for step in steps if isinstance(step.get("body"), dict)]
    return str(names[0]) if names else "obj"


def _set(value: Any, path: list[str], new: Any) -> None:
    """Set the field at a path; "<deleted>" takes it away."""
    for key in path[:-1]:
        value = value[int(key)] if isinstance(value, list) else value.setdefault(key, {})
    if new == "<deleted>":
        value.pop(path[-1], None)
    elif isinstance(value, list):
        value[int(path[-1])] = new
    else:
        value[path[-1]] = new


def _of_answer(step: Record, answer: Answer) -> Iterator[Difference]:
    if step["code"] == 500 and not answer.accepted:
        return
    if answer.code != step["code"]:
        recorded = f"{step['code']} {step.get('message') or ''}".strip()
        yield Difference("code", "", f"{answer.code} {answer.message}".strip(), recorded)
    else:
        yield from differing("reason", answer.reason, step.get("reason"))
    recorded_causes = [
        Cause(cause["field"] or "", cause["reason"], cause["message"]) for cause in step.get("causes") or ()
    ]
    yield from differing_sets("conflict", _conflicts(answer.causes), _conflicts(recorded_causes))
    yield from differing_sets("cause", _others(answer.causes), _others(recorded_causes))
    if step["code"] == answer.code == 409 and len(answer.causes) == 1:
        yield from differing("message", answer.message, step.get("message"))


def _conflicts(causes: Iterable[Cause]) -> set[tuple[str, str]]:
    """With whom, by field: the text says it."""
    return {(cause.field, cause.message) for cause in causes if cause.reason == CONFLICT}


def _others(causes: Iterable[Cause]) -> set[tuple[str, str]]:
    return {(cause.field, cause.reason) for cause in causes if cause.reason != CONFLICT}


def _of_owners(kind: Kind, obj: Any, recorded: list[Record]) -> Iterator[Difference]:
    """The differences of the owners, path by path. What newer servers set by themselves is passed over."""
    newer = {"".join(f".{name}" for name in path) for path in objects.newer_paths(kind)}
    entries = codec.to_dict(obj)["metadata"].get("managedFields", [])
    mine, theirs = _by_manager(entries), _by_manager(recorded)
    for manager in sorted(mine.keys() | theirs.keys()):
        ours = {(path, manager) for path in mine.get(manager, set()) if path not in newer}
        others = {(path, manager) for path in theirs.get(manager, set()) if path not in newer}
        yield from differing_sets("owner", ours, others)


def _by_manager(entries: list[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in entries:
        fields = field_sets.decode(json.dumps(entry["fieldsV1"]).encode())
        name = f"{entry.get('manager', '')} ({entry['operation']})"
        found.setdefault(name, set()).update(re.sub(r"\s+", " ", path) for path in field_sets.paths(fields))
    return found

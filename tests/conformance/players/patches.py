"""Plays patches.jsonl.gz: what a PATCH makes of a stored object, or why it is refused.

The recorded object is put into the store as it stands, then patched through the API. Compared are the code,
the whole result, the generation, and whether the object has a new version. For a recorded 500 any refusal
agrees.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from control_plane.api.messages import metadata
from tests.conformance import objects
from tests.conformance.cases import Case, Difference, differing, judged
from tests.conformance.given import stored_object, with_uid
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import Answer, Call
from tests.conformance.world import Server

TYPES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every record with how our answer differs."""
    for record in records:
        case = Case(record["id"], f"{record['patch_type']} {record['kind']} {record['patch']}", record)
        yield await judged(case, _played(server, record))
        await server.clear()


async def _played(server: Server, record: Record) -> Iterator[Difference]:
    kind, own = kind_named(record["kind"]), record["object"]["metadata"]
    namespace = own.get("namespace", "")
    if kind.namespaced:
        await server.add_namespace(namespace)
    stored = await server.put(kind, stored_object(kind, record["object"]))
    path = path_of(kind, namespace, own["name"], record.get("subresource") or "")
    patch = with_uid(current(record["patch"]))
    answer = await server.call(Call("PATCH", path, patch, content_type=TYPES[record["patch_type"]]))
    return differences(record, answer, metadata(stored).resourceVersion)


def differences(record: Record, answer: Answer, version: str) -> Iterator[Difference]:
    """How an answer differs. `version`: the object's before the patch."""
    if record["code"] == 500 and not answer.accepted:
        return
    if answer.code != record["code"]:
        error = record.get("error") or {}
        yield Difference(
            "code", "", f"{answer.code} {answer.message}", f"{record['code']} {error.get('message', '')}"
        )
        return
    if answer.obj is None or answer.kind is None:
        return
    yield from objects.compare(answer.kind, answer.obj, record["result"])
    own: Any = metadata(answer.obj)
    yield from differing("changed", own.resourceVersion != version, record["changed"])
    if record["generation_after"] or ("metadata", "generation") not in objects.newer_paths(answer.kind):
        yield from differing("generation", own.generation or None, record["generation_after"])

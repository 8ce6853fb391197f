"""Plays selectors.jsonl.gz: which objects label and field selectors choose, and lists in pages.

An answer agrees in its names or, where it is refused, in code and reason, and when our message has the
recorded one in it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator

from tests.conformance.cases import Case, Difference, differing, judged
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import PATCH_TYPES, Call
from tests.conformance.world import Server

MERGE_PATCH = next(name for name in PATCH_TYPES if "merge-patch" in name and "strategic" not in name)


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every query with how our answer differs."""
    namespace = ""
    for record in records:
        if record["type"] == "objects":
            namespace = record["namespace"]
            await server.add_namespace(namespace)
            for entry in record["objects"]:
                await _store(server, namespace, entry)
            continue
        asked = f"{record['kind']} {record.get('labelSelector')!r} {record.get('fieldSelector')!r}"
        case = Case(record["id"], f"{record['type']} {asked}", record)
        play_one = _pages if record["type"] == "paging" else _query
        yield await judged(case, play_one(server, namespace, record))


async def _store(server: Server, namespace: str, entry: Record) -> None:
    """Create an object with its status."""
    document = current(entry["object"])
    kind, name = kind_named(document["kind"]), document["metadata"]["name"]
    made = await server.call(Call("POST", path_of(kind, namespace), document))
    assert made.accepted, made.message
    if "status_merge_patch" in entry:
        path = path_of(kind, namespace, name, "status")
        patch = {"status": entry["status_merge_patch"]}
        changed = await server.call(Call("PATCH", path, patch, content_type=MERGE_PATCH))
        assert changed.accepted, changed.message


def _asked(record: Record) -> dict[str, str]:
    names = ("labelSelector", "fieldSelector")
    return {name: record[name] for name in names if record.get(name) is not None}


async def _query(server: Server, namespace: str, record: Record) -> list[Difference]:
    path = path_of(kind_named(record["kind"]), namespace)
    answer = await server.call(Call("GET", path, query=_asked(record)))
    found = list(differing("code", answer.code, record["code"]))
    if "error" in record:
        return found + list(_refusal(answer.reason, answer.message, record["error"]))
    return found + list(differing("names", sorted(answer.names), record["names"]))


def _refusal(reason: str | None, message: str, recorded: Record) -> Iterator[Difference]:
    yield from differing("reason", reason, recorded["reason"])
    if recorded["message"] not in message:
        yield Difference("message", "", message, recorded["message"])


async def _pages(server: Server, namespace: str, record: Record) -> list[Difference]:
    path, token = path_of(kind_named(record["kind"]), namespace), ""
    found: list[Difference] = []
    for number, page in enumerate(record["pages"]):
        query = {**_asked(record), "limit": str(record["limit"]), "continue": token}
        answer = await server.call(Call("GET", path, query=query))
        ours = (list(answer.names), answer.remaining, bool(answer.continue_token))
        theirs = (page["names"], page["remainingItemCount"], page["has_continue"])
        found += differing("page", ours, theirs, str(number))
        token = answer.continue_token
    return found

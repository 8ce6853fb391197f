"""Plays selectors.jsonl.gz: which objects label and field selectors choose, and lists in pages.

An answer agrees in its names or, where it is refused, in code and reason, and when our message has the
recorded one in it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator

from tests.conformance.cases import Case, Difference, differing
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
        compare = _pages if record["type"] == "paging" else _query
        case.differences = [found async for found in compare(server, namespace, record)]
        yield case


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


async def _query(server: Server, namespace: str, record: Record) -> AsyncIterator[Difference]:
    path = path_of(kind_named(record["kind"]), namespace)
    answer = await server.call(Call("GET", path, query=_asked(record)))
    for found in differing("code", answer.code, record["code"]):
        yield found
    if "error" in record:
        error = record["error"]
        for found in _refusal(answer.reason, answer.message, error):
            yield found
    else:
        for found in differing("names", sorted(answer.names), record["names"]):
            yield found


def _refusal(reason: str | None, message: str, recorded: Record) -> Iterator[Difference]:
    yield from differing("reason", reason, recorded["reason"])
    if recorded["message"] not in message:
        yield Difference("message", "", message, recorded["message"])


async def _pages(server: Server, namespace: str, record: Record) -> AsyncIterator[Difference]:
    path, token = path_of(kind_named(record["kind"]), namespace), ""
    for number, page in enumerate(record["pages"]):
        query = {**_asked(record), "limit": str(record["limit"]), "continue": token}
        answer = await server.call(Call("GET", path, query=query))
        ours = (list(answer.names), answer.remaining, bool(answer.continue_token))
        theirs = (page["names"], page["remainingItemCount"], page["has_continue"])
        for found in differing("page", ours, theirs, str(number)):
            yield found
        token = answer.continue_token

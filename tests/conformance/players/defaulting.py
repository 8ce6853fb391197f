"""Plays defaulting.jsonl.gz: the object that a created one becomes.

Each is created in a fresh namespace, after what the record says was there. The whole object is compared.
"""

from collections.abc import AsyncIterator, Iterable, Iterator

from tests.conformance import objects
from tests.conformance.cases import Case, Difference, judged
from tests.conformance.recording import Record, current, kind_named, path_of
from tests.conformance.rest import Answer, Call
from tests.conformance.world import Server


async def play(server: Server, records: Iterable[Record]) -> AsyncIterator[Case]:
    """Every record with how our object differs."""
    for number, record in enumerate(records):
        case = Case(record["id"], f"create {record['kind']}", record)
        yield await judged(case, _played(server, record, f"defaulting-{number}"))
        await server.clear()


async def _played(server: Server, record: Record, namespace: str) -> Iterator[Difference]:
    await server.add_namespace(namespace, keep=False)
    for document in record.get("setup", ()):
        kind = kind_named(document["kind"])
        made = await server.call(Call("POST", path_of(kind, namespace), current(document)))
        assert made.accepted, made.message
    kind = kind_named(record["kind"])
    answer = await server.call(Call("POST", path_of(kind, namespace), current(record["input"])))
    return differences(record, answer, namespace)


def differences(record: Record, answer: Answer, namespace: str) -> Iterator[Difference]:
    """How an answer differs."""
    if answer.obj is None or answer.kind is None:
        yield Difference("code", "", f"{answer.code} {answer.message}", 201)
        return
    yield from objects.compare(answer.kind, answer.obj, record["created"], namespace)

"""Asks recorded label and field selectors, and pages, of the API; prints agreeing / all.

Run as `python -m tests.conformance.run_selectors [another recording of this form]`. A query agrees when it
has the recorded names or, where it is refused, the recorded code, reason and message. Ends with 1 below
TARGET.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.conformance.records import HERE, read
from tests.support.api import ApiWorld, add_namespace, api_world

TARGET = 1.0
# The query's text, the reason.
WANTED = (("spec.hostNetwork", "newer servers select by it, 1.20 does not (the README's note)"),)


class Asker:
    """A namespace with the recorded objects."""

    def __init__(self, world: ApiWorld, namespace: str) -> None:
        self._world = world
        self._namespace = namespace

    async def store(self, entry: dict[str, Any]) -> None:
        """Create one object with its status; nothing of a kind that is not served."""
        kind = kinds.find_alias(entry["object"]["kind"])
        if kind is None:
            return
        name = entry["object"]["metadata"]["name"]
        body = wire.Body(json=json.dumps(entry["object"]).encode())
        await self._world.writes.create(wire.CreateRequest(reference=self._reference(kind), body=body))
        if "status_merge_patch" in entry:
            reference = self._reference(kind)
            reference.name = name
            patch = json.dumps({"status": entry["status_merge_patch"]}).encode()
            request = wire.PatchRequest(
                reference=reference, type=wire.PatchRequest.MERGE, patch=patch, subresource="status"
            )
            await self._world.writes.patch(request)

    async def query(self, kind: Kind, record: dict[str, Any]) -> str:
        """How the answer differs; "" when it does not."""
        request = wire.ListRequest(
            reference=self._reference(kind),
            label_selector=record["labelSelector"] or "",
            field_selector=record["fieldSelector"] or "",
        )
        try:
            names, _ = await self._names(kind, request)
        except ApiError as error:
            wanted = record.get("error")
            if wanted is None:
                return f"refused: {error.message}"
            ours, theirs = (error.code, error.reason), (record["code"], wanted["reason"])
            return (
                ""
                if ours == theirs and _same(error.message, wanted["message"])
                else (f"{ours} {error.message!r}, recorded {theirs} {wanted['message']!r}")
            )
        if "names" not in record:
            return f"answered {names}, recorded {record['code']} {record['error']['message']}"
        return "" if sorted(names) == record["names"] else f"{sorted(names)}, recorded {record['names']}"

    async def pages(self, kind: Kind, record: dict[str, Any]) -> str:
        """How the pages differ; "" when they do not."""
        token = ""
        for number, page in enumerate(record["pages"]):
            request = wire.ListRequest(
                reference=self._reference(kind),
                label_selector=record["labelSelector"] or "",
                limit=record["limit"],
                continue_token=token,
            )
            names, last = await self._names(kind, request)
            left = last.remaining_items if last.HasField("remaining_items") else None
            ours = (names, left, bool(last.continue_token))
            theirs = (page["names"], page["remainingItemCount"], page["has_continue"])
            if ours != theirs:
                return f"page {number}: {ours}, recorded {theirs}"
            token = last.continue_token
        return ""

    async def _names(self, kind: Kind, request: wire.ListRequest) -> tuple[list[str], wire.ListChunk]:
        chunks = [chunk async for chunk in self._world.reads.list(request)]
        objects: list[Any] = [kind.message.FromString(value) for each in chunks for value in each.objects]
        return [obj.metadata.name for obj in objects], chunks[-1]

    def _reference(self, kind: Kind) -> wire.Reference:
        return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=self._namespace)


def _same(ours: str, theirs: str) -> bool:
    """The recorded message may stand within a longer one."""
    return theirs in ours


async def play(path: Path) -> int:
    counts = dict.fromkeys(("agreeing", "wanted", "different", "unserved"), 0)
    first, *records = list(read(path.name, path.parent))
    async with api_world() as world:
        await add_namespace(world, first["namespace"])
        asker = Asker(world, first["namespace"])
        for entry in first["objects"]:
            await asker.store(entry)
        for record in records:
            kind = kinds.find_alias(record["kind"])
            if kind is None:
                counts["unserved"] += 1
                continue
            ask = asker.pages if record["type"] == "paging" else asker.query
            found = await ask(kind, record)
            asked = f"{record.get('labelSelector')} {record.get('fieldSelector')}"
            why = next((reason for part, reason in WANTED if part in asked), "") if found else ""
            verdict = "agreeing" if not found else "wanted" if why else "different"
            counts[verdict] += 1
            if found:
                print(f"{verdict:9} {record['id']} {record['kind']} {asked}: {why or found}")
    total = sum(counts.values())
    share = counts["agreeing"] / max(1, total - counts["unserved"] - counts["wanted"])
    print(
        f"selectors: {counts['agreeing']} of {total} agree, {counts['wanted']} disagree as wanted, "
        f"{counts['unserved']} are of kinds not served yet: {share:.1%}"
    )
    return 0 if share >= TARGET else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(play(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "selectors.jsonl.gz")))

"""Plays recorded sequences of deletions against the API; prints agreeing / all.

Run as `python -m tests.conformance.run_deletion [another recording of this form]`. A sequence agrees when
each step has the recorded code, reason, message and object (what deletion is about), and when a watch saw the
recorded events. Every disagreement is listed; those that are wanted stand in WANTED with their reason. Ends
with 1 below TARGET.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from control_plane.api.settings import ApiSettings
from knarr.api import kinds
from tests.conformance.deletion_player import Clock, Player, Unserved
from tests.conformance.records import HERE, read
from tests.support.api import ApiWorld, add_namespace, api_world

TARGET = 0.97
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

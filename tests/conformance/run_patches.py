"""Compares patched objects with those that a real kube-apiserver 1.20 answered; prints agreeing / all.

Run as `python -m tests.conformance.run_patches [another recording of this form]`. Every disagreement is
listed; those that are wanted stand in WANTED with their reason. Ends with 1 below TARGET.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from knarr.api import codec
from knarr.errors import ApiError
from tests.conformance.small_server import NEWER, SmallServer, differences, has_rules, kind_named, records

TARGET = 0.98
RECORDING = Path(__file__).parent / "patches.jsonl.gz"
# What is wanted: what the patch has in it, what the disagreement says, the reason.
WANTED = (
    ("", r"unknown field", "Knarr refuses unknown fields by their path; 1.20 drops them silently"),
    (
        r"\$deleteFromPrimitiveList",
        r"(args|command)\[",
        "1.20 replaces a list that strategic merge does not merge by the elements to delete; here they go",
    ),
    (
        r'"\$patch": "delete"',
        r"ours null, recorded \[\{",
        "1.20 adds what shall be deleted where the list is new or is replaced; here it stays away",
    ),
    (
        r'"apiVersion"',
        r"a patch cannot make",
        "1.20 converts between versions; Knarr serves one of each kind",
    ),
)


def main(path: Path) -> int:
    agreeing = total = wanted = 0
    for record in records(path):
        total += 1
        found = disagreement(record)
        text = json.dumps(record["patch"])
        reason = next((why for a, b, why in WANTED if re.search(a, text) and re.search(b, found)), "")
        if not found:
            agreeing += 1
        elif reason:
            wanted += 1
            print(f"wanted    {record['id']} {record['patch_type']} {record['kind']}: {reason}")
        else:
            print(f"different {record['id']} {record['patch_type']} {record['kind']}: {found}")
    share = agreeing / (total - wanted)
    print(f"patches: {agreeing} of {total} agree, {wanted} disagree as wanted: {share:.1%}")
    return 0 if share >= TARGET else 1


def disagreement(record: dict[str, Any]) -> str:
    """How ours differs from what is recorded; "" when it does not."""
    kind = kind_named(record["kind"])
    server = SmallServer(kind, record["object"])
    try:
        server.patch(record["patch"], record["patch_type"], "runner", record.get("subresource") or "")
    except ApiError as error:
        if record["code"] < 300:
            return f"ours refused: {error.code} {error.message}"
        same = record["code"] == error.code or record["code"] == 500
        return "" if same else f"ours {error.code} {error.message}, recorded {record['code']}"
    if record["code"] >= 300:
        if not has_rules(kind) and record["error"]["causes"]:
            return ""
        return f"ours accepted, recorded {record['code']} {record['error']['message']}"
    assert server.stored is not None
    found = differences(shown(server.stored), shown_dict(kind.message, record["result"]))
    # Without defaults of ours, what only the recording has may be a default.
    return "; ".join(text for text in found if has_rules(kind) or ": ours null," not in text)


def shown(obj: Any) -> dict[str, Any]:
    """An object without what a recording does not hold."""
    value = codec.to_dict(obj)
    for key in ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation"):
        value["metadata"].pop(key, None)
    for key in NEWER:
        value.get("spec", {}).pop(key, None)
    return value


def shown_dict(message: Any, value: dict[str, Any]) -> dict[str, Any]:
    """A recorded object, in the form in which ours is shown."""
    return shown(codec.decode(value, message).message)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING))

"""Inputs to begin with: what people's clients sent to a real API server."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from knarr.api import kinds
from tests.conformance.recording import current, read
from tests.support.every_kind import FILE

RECORDED = Path(__file__).parent.parent / "conformance"


@cache
def recorded_documents() -> tuple[dict[str, Any], ...]:
    """Valid documents of served kinds, named as the samples are."""
    found = []
    for record in read(RECORDED / "defaulting.jsonl.gz"):
        document = current(record["input"])
        if kinds.find(document.get("apiVersion", ""), document.get("kind", "")) is not None:
            document.setdefault("metadata", {})["name"] = "sample"
            found.append(document)
    return tuple(found)


@cache
def recorded_patches() -> tuple[dict[str, Any], ...]:
    """{kind, type, patch} of patches of served kinds."""
    found = []
    for record in read(RECORDED / "patches.jsonl.gz"):
        kind = kinds.find_alias(record["kind"])
        if kind is not None and "patch" in record:
            found.append(
                {
                    "kind": kind,
                    "type": record["patch_type"].removeprefix("application/").partition("-")[0],
                    "patch": json.loads(json.dumps(record["patch"])),
                }
            )
    return tuple(found)


def every_kind_text() -> str:
    """The YAML file of samples."""
    return FILE.read_text()

"""Recorded requests and answers: the files, and how what they say is said today.

Kinds that were recorded through versions gone since (batch/v1beta1, policy/v1beta1) are sent in their current
one, as the recording asks for. The format of each file stands in docs/conformance.md.
"""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from knarr.api import kinds
from knarr.api.kinds import Kind

Record = dict[str, Any]

HERE: Final = Path(__file__).parent
SUFFIX: Final = ".jsonl.gz"
CURRENT_VERSIONS: Final = {"batch/v1beta1": "batch/v1", "policy/v1beta1": "policy/v1"}

# Placeholders of the recording.
UID, GENERATED, ALLOCATED, NAMESPACE, TIME = "<uid>", "<generated>", "<allocated>", "<namespace>", "<time>"


def read(path: Path) -> Iterator[Record]:
    """The records of a file, in its order."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def current(document: Any) -> Any:
    """A copy of a document that names the current version of its kind."""
    document = json.loads(json.dumps(document))
    if isinstance(document, dict) and isinstance(document.get("apiVersion"), str):
        version = document["apiVersion"]
        document["apiVersion"] = CURRENT_VERSIONS.get(version, version)
    return document


@cache
def kind_named(name: str) -> Kind:
    """The kind with this name."""
    kind = kinds.find_alias(name)
    assert kind is not None, f"{name} is not served"
    return kind


def path_of(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    """Where Kubernetes serves a kind, one of its objects, or a part of that."""
    root = f"apis/{kind.group}" if kind.group else "api"
    place = f"namespaces/{namespace}/" if kind.namespaced else ""
    parts = (f"/{root}/{kind.version}/{place}{kind.plural}", name, subresource)
    return "/".join(part for part in parts if part)

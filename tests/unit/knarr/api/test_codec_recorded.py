"""Objects as a Kubernetes server wrote them: read, and written again exactly as they were."""

import gzip
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

import knarr.proto.kubernetes as schemas
from knarr.api import codec, schema

CONFORMANCE = Path(__file__).parents[3] / "conformance"
TYPES: dict[tuple[str, str], type[Message]] = {}
for _module in pkgutil.iter_modules(schemas.__path__):
    _file = importlib.import_module(f"{schemas.__name__}.{_module.name}").DESCRIPTOR
    for _type in _file.message_types_by_name.values():
        if schema.has_type_meta(_type):
            TYPES.setdefault((schema.api_version(_type), _type.name), schema.message_class(_type))

# What that server (1.20) did otherwise than current ones, and what is better.
OTHERWISE = {
    ("StatefulSet.status.availableReplicas", None, 0),  # newer servers always write it
    ("Pod.spec.containers[].resources.requests.memory", "5.", "5"),  # a quantity left as it was written
    ("Pod.spec.containers[].resources.limits.memory", "5.", "5"),
}


def objects(file: str, key: str) -> Iterator[dict[str, Any]]:
    with gzip.open(CONFORMANCE / file, "rt") as lines:
        for line in lines:
            line = line.replace('"<time>"', '"2026-01-01T00:00:00Z"')
            line = re.sub(r'odePort": ?"<allocated>"', 'odePort":30000', line)
            found = json.loads(line).get(key)
            if isinstance(found, dict) and "kind" in found:
                yield found


def differences(recorded: Any, ours: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in recorded.keys() | ours.keys():
            yield from differences(recorded.get(key), ours.get(key), f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for left, right in zip(recorded, ours, strict=True):
            yield from differences(left, right, f"{path}[]")
    elif recorded != ours or type(recorded) is not type(ours):
        yield path, recorded, ours


@pytest.mark.parametrize(
    ("file", "key", "at_least"),
    [
        ("defaulting.jsonl.gz", "created", 200),
        ("validation.jsonl.gz", "result", 100),
        ("patches.jsonl.gz", "result", 100),
    ],
)
def test_recorded_objects_come_out_as_they_went_in(file: str, key: str, at_least: int) -> None:
    found: set[tuple[str, Any, Any]] = set()
    compared = 0
    for recorded in objects(file, key):
        version = recorded["apiVersion"].replace("v1beta1", "v1")
        message = TYPES.get((version, recorded["kind"]))
        if message is None:  # HorizontalPodAutoscalers of autoscaling/v1
            assert version == "autoscaling/v1"
            continue
        compared += 1
        ours = codec.object_to_dict(codec.from_dict(recorded, message))
        assert list(ours)[:3] == ["apiVersion", "kind", "metadata"]
        ours["apiVersion"] = recorded["apiVersion"]
        found.update(differences(recorded, ours, recorded["kind"]))
    assert found <= OTHERWISE
    assert compared >= at_least

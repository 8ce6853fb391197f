"""Compares server-side apply with what a real kube-apiserver 1.20 did, step by step; prints agreeing / all.

Run as `python -m tests.conformance.run_apply [another recording of this form]`. A step agrees when the code,
the object, the owners of every field and the conflicts do. Each step starts from the recorded state before
it, so that a disagreement counts once. All are listed, those that are wanted with their reason. Ends with 1
below TARGET.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from control_plane.api.patching import field_sets, typed
from control_plane.api.patching.schema import object_type
from knarr.api import codec
from knarr.api.kinds import Kind
from knarr.errors import ApiError, Conflict
from tests.conformance.small_server import NEWER, SmallServer, differences, has_rules, kind_named, records

TARGET = 0.97
RECORDING = Path(__file__).parent / "apply.jsonl.gz"
Step = dict[str, Any]

# What later servers default or admission sets: of metadata, spec and status, not compared.
UNCOMPARED = {
    "metadata": ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation"),
    "spec": (
        *NEWER,
        *("clusterIP", "clusterIPs"),
        *("serviceAccount", "serviceAccountName", "priority", "preemptionPolicy", "tolerations"),
    ),
    "status": ("qosClass", "phase"),
}
# What is wanted: a pattern of the description of a disagreement, the reason.
ATOMIC = (
    r"(\.|^)(nodeSelector|spec\.selector|selector|scopeSelector|roleRef"
    r"|\w+KeyRef|fieldRef|resourceFieldRef|matchLabels|claimRef|targetRef)(\.|$|:|\b)"
)
WANTED = (
    (ATOMIC, "selectors and references are atomic since 1.22; 1.20 merges them"),
    (r"^empty ", "an applied empty object is owned, so that it can be taken away again; 1.20 forgets it"),
    (r'^scale |"scale"', "ownership through /scale is followed since 1.22"),
    (r"omits key field .protocol.", "a port's protocol defaults to TCP in the schema since 1.21"),
    (r"^order ", "a keyed list takes the order of the document since 1.27; 1.20 keeps the order that was"),
    (
        r"^zero ",
        "applying the zero that a field has changes nothing; 1.20 takes absent and zero as different",
    ),
    (r"metadata\.labels\.kubernetes\.io/metadata\.name", "later servers label namespaces with their name"),
)


def main(path: Path) -> int:
    agreeing = total = wanted = 0
    for recorded in records(path):
        # CronJob was recorded where it was then.
        record = json.loads(json.dumps(recorded).replace("batch/v1beta1", "batch/v1"))
        before: Step = {}
        for number, step in enumerate(record["steps"]):
            total += 1
            found = list(disagreements(record["kind"], before, step))
            reasons = [next((why for text, why in WANTED if re.search(text, one)), "") for one in found]
            where = f"{record['id']}[{number}] {record['kind']} {step['op']}"
            if not found:
                agreeing += 1
            elif all(reasons):
                wanted += 1
                print(f"wanted    {where}: {'; '.join(sorted(set(reasons)))}")
            else:
                print(f"different {where}: {'; '.join(found)}")
            before = step
    share = agreeing / (total - wanted)
    print(f"apply: {agreeing} of {total} steps agree, {wanted} disagree as wanted: {share:.1%}")
    return 0 if share >= TARGET else 1


def disagreements(kind_name: str, before: Step, step: Step) -> Iterator[str]:
    """How ours differs from what is recorded."""
    kind = kind_named(kind_name)
    stored = before.get("object")
    if stored:
        owners = before.get("managedFields") or []
        stored = {**stored, "metadata": {**stored["metadata"], "managedFields": owners}}
    server = SmallServer(kind, stored)
    try:
        carry_out(server, step)
    except ApiError as error:
        yield from _refusal(error, step)
        return
    if step["code"] >= 300:
        if has_rules(kind) or step["code"] != 422:
            zero = "zero " if _applies_zero(step) and step["code"] == 409 else ""
            yield f"{zero}ours accepted, recorded {step['code']} {step.get('message')}"
        return
    if "dryRun" in (step.get("query") or {}):
        return
    assert server.stored is not None
    yield from _owners(codec.to_dict(server.stored), kind, step)
    ours, recorded = _shown(kind, server.stored), _recorded(kind, step)
    order = "order " if _unordered(ours) == _unordered(recorded) else ""
    for text in differences(ours, recorded):
        if has_rules(kind) or ": ours null," not in text:
            yield order + text


def carry_out(server: SmallServer, step: Step) -> None:
    """Do what a step does; raises ApiError."""
    body, manager, subresource = step.get("body"), step["manager"], step.get("subresource") or ""
    if step["op"] == "apply":
        document: dict[str, Any] = yaml.safe_load(body) if isinstance(body, str) else step["body"]
        server.apply(
            "obj" if server.kind.name not in ("PriorityClass", "Namespace") else document["metadata"]["name"],
            document,
            manager,
            bool(step.get("force")),
            subresource,
        )
    elif step["op"] == "create":
        server.create(body, manager)
    elif step["op"] == "patch":
        server.patch(body, step["patch_type"], manager, subresource)
    else:
        assert server.stored is not None  # only what exists is updated
        value = codec.to_dict(server.stored)
        for path, new in step["set"]:
            _set(value, path.split("."), new)
        server.update(codec.decode(value, server.kind.message).message, manager, subresource)


def _set(value: Any, path: list[str], new: Any) -> None:
    for key in path[:-1]:
        value = value[int(key)] if isinstance(value, list) else value.setdefault(key, {})
    if new == "<deleted>":
        value.pop(path[-1], None)
    elif isinstance(value, list):
        value[int(path[-1])] = new
    else:
        value[path[-1]] = new


def _refusal(error: ApiError, step: Step) -> Iterator[str]:
    if step["code"] < 300:
        yield f"ours refused: {error.code} {error.message}"
    elif isinstance(error, Conflict) and step.get("causes"):
        ours = {(cause.field, cause.message) for cause in error.causes}
        recorded = {(cause["field"], cause["message"]) for cause in step["causes"]}
        yield from sorted(f"{field}: {message}: ours" for field, message in ours - recorded)
        yield from sorted(f"{field}: {message}: recorded" for field, message in recorded - ours)
        if ours == recorded and len(ours) == 1 and error.message != step["message"]:
            yield f"message: ours {error.message}, recorded {step['message']}"
    elif error.code != step["code"] and step["code"] != 500:
        yield f"ours {error.code} {error.message}, recorded {step['code']} {step.get('message')}"


def _owners(ours: dict[str, Any], kind: Kind, step: Step) -> Iterator[str]:
    """The differences of the owners, path by path."""
    empties = set()
    if step["op"] == "apply":
        document = yaml.safe_load(step["body"]) if isinstance(step["body"], str) else step["body"]
        root = object_type(kind.message.DESCRIPTOR)
        full, bare = (
            set(field_sets.paths(typed.fields_of(value, root)))
            for value in (document, _without_empty(document))
        )
        empties = full - bare
    mine = _by_manager(ours["metadata"].get("managedFields", []))
    newer = {f".spec.{name}" for name in UNCOMPARED["spec"]}
    theirs = _by_manager(step.get("managedFields") or [])
    for owner in sorted(mine.keys() | theirs.keys()):
        for path in sorted((mine.get(owner, set()) ^ theirs.get(owner, set())) - newer):
            scale = "scale " if step.get("subresource") == "scale" else ""
            empty = "empty " if path in empties else ""
            side = "ours" if path in mine.get(owner, set()) else "recorded"
            yield f"{scale}{empty}{path}: owned by {owner[0]} ({owner[1]}): {side}"


def _by_manager(entries: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    return {
        (entry.get("manager", ""), entry["operation"]): set(
            field_sets.paths(field_sets.decode(json.dumps(entry["fieldsV1"]).encode()))
        )
        for entry in entries
    }


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item not in ({}, None)}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _unordered(value: Any) -> Any:
    """The value with the elements of its lists in an order of their own."""
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(map(_unordered, value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _applies_zero(step: Step) -> bool:
    """Whether the last part of every conflicting path is applied as zero."""
    text = json.dumps(step["body"])
    names = [cause["field"].rpartition(".")[2] for cause in step.get("causes") or ()]
    return all(re.search(rf'"{re.escape(name)}": (0|""|false)[,}}]', text) for name in names)


def _shown(kind: Kind, obj: Any) -> dict[str, Any]:
    value = codec.to_dict(obj)
    for part, names in UNCOMPARED.items():
        for name in names if isinstance(value.get(part), dict) else ():
            value[part].pop(name, None)
    return value


def _recorded(kind: Kind, step: Step) -> dict[str, Any]:
    return _shown(kind, codec.decode(step["object"], kind.message).message)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING))

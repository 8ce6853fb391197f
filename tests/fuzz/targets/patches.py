"""JSON patches, merge patches, strategic merge patches and applies, against an object of every kind."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.fuzz.mutation import sizes, texts, values
from tests.fuzz.seeds import recorded_patches
from tests.fuzz.target import Try, refusal
from tests.fuzz.world import NAME, World, documents, kind_named, name_of, one_in, reference_of, world

TYPES = {
    "strategic": wire.PatchRequest.STRATEGIC,
    "merge": wire.PatchRequest.MERGE,
    "json": wire.PatchRequest.JSON,
    "none": wire.PatchRequest.UNSPECIFIED,
}
APPLY = "apply"
_SUBRESOURCES = ("", "status", "scale", "binding", "x")
_MANAGERS = ("fuzz", "other", "", "x" * 129, "\n")
_DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers")
_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test", "x")


class Patches:
    """An input is JSON: {on, type, patch} and, where given, {subresource, manager, force}."""

    name = "patches"

    def seeds(self) -> Sequence[bytes]:
        made = [
            {"on": name_of(each["kind"]), "type": each["type"], "patch": each["patch"]}
            for each in recorded_patches()
        ]
        for kind, document in documents().items():
            spec = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
            made += [{"on": name_of(kind), "type": type_, "patch": spec} for type_ in ("strategic", "merge")]
            made.append({"on": name_of(kind), "type": APPLY, "patch": document, "force": True})
            made.append({"on": name_of(kind), "type": "json", "patch": [_operation(document, Random(1))]})
        return [values.to_text(each) for each in made]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        try:
            case, donor = json.loads(data), json.loads(other)
        except (ValueError, RecursionError):
            return texts.mutated_bytes(data, rng)
        if not isinstance(case, dict) or "patch" not in case:
            return other
        kind, type_ = kind_named(str(case.get("on"))), case.get("type")
        lent = donor.get("patch") if isinstance(donor, dict) else donor
        if rng.random() < 0.1:
            case["subresource"] = rng.choice(_SUBRESOURCES)
            case["manager"] = rng.choice(_MANAGERS)
            case["force"] = rng.random() < 0.5
        if type_ == "json" and isinstance(case["patch"], list) and rng.random() < 0.5:
            case["patch"].append(_operation(documents()[kind], rng))
        elif type_ == "strategic" and rng.random() < 0.2:
            _direct(case["patch"], rng)
        else:
            message = None if type_ == "json" else kind.message
            case["patch"] = values.mutated(case["patch"], message, lent, rng)
        return values.to_text(case)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async with world() as server:
            yield lambda data: tried(server, data)


def _operation(document: Any, rng: Random) -> dict[str, Any]:
    operation = {"op": rng.choice(_OPERATIONS), "path": _pointer(document, rng)}
    if rng.random() < 0.7:
        operation["value"] = values.hostile(rng)
    if operation["op"] in ("move", "copy") or rng.random() < 0.1:
        operation["from"] = _pointer(document, rng)
    return operation


def _pointer(document: Any, rng: Random) -> str:
    """A JSON pointer to something in the document, or just beside it."""
    parts: list[str] = []
    value = document
    while isinstance(value, dict | list) and value and rng.random() < 0.85:
        key = rng.choice(list(value) if isinstance(value, dict) else list(range(len(value))))
        parts.append(str(key))
        value = value[key]
    if rng.random() < 0.3:
        parts.append(rng.choice(("-", "-1", "0", "99999999999", "x", "~", "~2", "", texts.text(rng))))
    return "".join("/" + part for part in parts)


def _direct(patch: Any, rng: Random) -> None:
    """Put a directive of strategic merge somewhere."""
    while isinstance(patch, dict):
        inner = [value for value in patch.values() if isinstance(value, dict | list) and value]
        if inner and rng.random() < 0.7:
            patch = rng.choice(inner)
            patch = rng.choice(patch) if isinstance(patch, list) else patch
            continue
        name = rng.choice(_DIRECTIVES)
        if name.startswith("$set") and patch:
            name = f"$setElementOrder/{rng.choice(list(patch))}"
        value = rng.choice(("delete", "replace", "merge", ["name"], [{"name": "web"}], values.hostile(rng)))
        patch[name] = value
        return


async def tried(server: World, data: bytes) -> str:
    """Sends the patch or the apply."""
    try:
        case = json.loads(data)
    except (ValueError, RecursionError):
        return "no case"
    if not isinstance(case, dict) or "patch" not in case:
        return "no case"
    kind, type_ = kind_named(str(case.get("on"))), str(case.get("type"))
    await server.sample(kind)
    text = sizes.expanded(values.to_text(case["patch"]))
    manager, subresource = texts.utf8(case.get("manager", "fuzz")), texts.utf8(case.get("subresource", ""))
    options = wire.WriteOptions(dry_run=one_in(data, 4), field_manager=manager)
    answer = f"{kind.name} {type_} {subresource}"
    try:
        if type_ == APPLY:
            apply = wire.ApplyRequest(reference=reference_of(kind, NAME), options=options)
            apply.body.json, apply.force, apply.subresource = text, bool(case.get("force")), subresource
            made = await server.server.writes.apply(apply)
        else:
            patch = wire.PatchRequest(reference=reference_of(kind, NAME), options=options)
            patch.patch, patch.subresource = text, subresource
            patch.type = TYPES.get(type_, wire.PatchRequest.UNSPECIFIED)
            made = await server.server.writes.patch(patch)
    except ApiError as error:
        return f"{answer} {refusal(error, None)}"
    if made.outcome == wire.CONFIGURED and not options.dry_run and not subresource:
        await server.check_stored(kind, made, thorough=one_in(data, 8, 1))
    elif made.outcome == wire.CONFIGURED and not options.dry_run:
        await server.remove(kind, made.reference)
    return f"{answer} {wire.Outcome.Name(made.outcome)}"

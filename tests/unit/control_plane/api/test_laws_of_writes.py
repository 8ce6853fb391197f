"""What holds of an object whatever is written to it, by whom, and in which of the ways there are."""

import json
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import field_sets, typed
from control_plane.api.patching.schema import object_type
from knarr.api import codec
from knarr.api.kinds import DEPLOYMENT
from knarr.errors import Conflict, Invalid
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, ManualClock, api_world
from tests.support.virtual import on_virtual_time

REFERENCE = wire.Reference(api_version="apps/v1", kind="Deployment", namespace="default", name="web")
BASE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "main", "image": "i:1"}]},
        },
    },
}
ROOT = object_type(DEPLOYMENT.message.DESCRIPTOR)
PARTS: dict[str, Any] = {
    "labels": lambda draw: {"metadata": {"labels": {draw("ab"): draw("12")}}},
    "annotations": lambda draw: {"metadata": {"annotations": {draw("ab"): draw("12")}}},
    "replicas": lambda draw: {"spec": {"replicas": int(draw("0123"))}},
    "pausing": lambda draw: {"spec": {"paused": draw("01") == "1"}},
    "image": lambda draw: {
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": f"i:{draw('12')}"}]}}}
    },
    "another container": lambda draw: {
        "spec": {"template": {"spec": {"containers": [{"name": draw("xy"), "image": "j:1"}]}}}
    },
    "nothing": lambda draw: {},
}
WAYS = ("update", "strategic", "merge", "apply", "force", "status", "scale")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WAYS),
        st.sampled_from(["alpha", "beta"]),
        st.sampled_from(list(PARTS)),
        st.integers(0, 9),
    ),
    max_size=12,
)


def merged(value: Any, part: Any) -> Any:
    """The value with the part over it; lists of named elements by name."""
    return typed.merge(value, part, ROOT)


@dataclass(slots=True)
class Writer:
    """Writes in each way, and looks at what became of the object."""

    world: ApiWorld
    clock: ManualClock

    async def stored(self) -> apps.Deployment:
        found = await self.world.api.get(DEPLOYMENT, "default", "web")
        assert isinstance(found, apps.Deployment)
        return found

    async def write(self, way: str, manager: str, part: dict[str, Any]) -> wire.ObjectResponse:
        options = wire.WriteOptions(field_manager=manager)
        match way:
            case "update":
                value = merged(codec.object_to_dict(await self.stored()), part)
                return await self.world.writes.update(
                    wire.UpdateRequest(reference=REFERENCE, body=body(value), options=options)
                )
            case "apply" | "force":
                return await self.world.writes.apply(
                    wire.ApplyRequest(
                        reference=REFERENCE,
                        body=body(merged(BASE, part)),
                        options=options,
                        force=way == "force",
                    )
                )
        subresource, patch = {
            "status": ("status", {"status": {"replicas": part.get("spec", {}).get("replicas", 1)}}),
            "scale": ("scale", {"spec": {"replicas": part.get("spec", {}).get("replicas", 1)}}),
        }.get(way, ("", part))
        return await self.world.writes.patch(
            wire.PatchRequest(
                reference=REFERENCE,
                type=wire.PatchRequest.STRATEGIC if way == "strategic" else wire.PatchRequest.MERGE,
                patch=json.dumps(patch).encode(),
                subresource=subresource,
                options=options,
            )
        )

    async def step(self, way: str, manager: str, part: dict[str, Any]) -> None:
        before = await self.stored()
        self.clock.time += 10
        outcome = None
        with suppress(Conflict, Invalid):
            outcome = (await self.write(way, manager, part)).outcome
        after = await self.stored()
        check_change(before, after, changed=outcome == wire.CONFIGURED)
        check_owners(after)
        if way in ("apply", "force") and outcome is not None:
            self.check_applied(after, manager, part)
        if outcome is not None:
            # The same once more: nothing is left to do.
            assert (await self.write(way, manager, part)).outcome == wire.UNCHANGED
            assert await self.stored() == after

    def check_applied(self, after: apps.Deployment, manager: str, part: dict[str, Any]) -> None:
        """What was applied is so, and is the applier's."""
        document = merged(BASE, part)
        assert codec.decode(merged(codec.object_to_dict(after), document), apps.Deployment).message == after
        entries = [
            entry
            for entry in after.metadata.managedFields
            if (entry.manager, entry.operation, entry.subresource) == (manager, "Apply", "")
        ]
        (mine,) = entries
        said = set(field_sets.paths(typed.fields_of(document, ROOT)))
        owned = set(field_sets.paths(field_sets.decode(mine.fieldsV1.Raw)))
        assert said - owned <= {".apiVersion", ".kind", ".metadata.name"}


def body(value: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(value).encode())


def check_change(before: apps.Deployment, after: apps.Deployment, *, changed: bool) -> None:
    """A new version for what has changed and for nothing else; the generation counts what is wanted."""
    assert (before != after) == changed
    assert (int(after.metadata.resourceVersion) > int(before.metadata.resourceVersion)) == changed
    assert after.metadata.uid == before.metadata.uid
    wanted = before.spec != after.spec or before.metadata.annotations != after.metadata.annotations
    assert after.metadata.generation == before.metadata.generation + wanted


def check_owners(obj: apps.Deployment) -> None:
    """Who owns a field owns one that is there; entries are told apart, in order, and never empty."""
    value = codec.object_to_dict(obj)
    present = set(field_sets.paths(typed.with_named_fields(typed.fields_of(value, ROOT), ROOT)))
    names = []
    for entry in obj.metadata.managedFields:
        owned = set(field_sets.paths(field_sets.decode(entry.fieldsV1.Raw)))
        assert owned
        zeros = {path for path in owned - present if is_zero(obj, path)}
        assert owned - present == zeros
        names.append((entry.operation, entry.time.seconds, entry.manager, entry.subresource))
    assert names == sorted(names)
    assert len({(name[0], *name[2:]) for name in names}) == len(names)


def is_zero(obj: Any, path: str) -> bool:
    """Whether the field of a path without elements is one whose zero is not written."""
    for name in path.strip(".").split("."):
        if name not in obj.DESCRIPTOR.fields_by_name:
            return False
        obj = getattr(obj, name)
    return not obj


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_an_object_lives_by_the_laws(steps: list[tuple[str, str, str, int]]) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with api_world(clock=clock) as world:
            writer = Writer(world, clock)
            options = wire.WriteOptions(field_manager="creator")
            create = wire.CreateRequest(reference=REFERENCE, body=body(BASE), options=options)
            await world.writes.create(create)
            for way, manager, part, seed in steps:
                await writer.step(way, manager, PARTS[part](random.Random(seed).choice))

    on_virtual_time(scenario())

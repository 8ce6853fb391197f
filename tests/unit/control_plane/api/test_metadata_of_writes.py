"""What a write may say of the metadata that the server owns, by every way in which an object is written."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control_plane.objects.interface import DeleteOptions
from knarr.api import codec
from knarr.api.kinds import DEPLOYMENT
from knarr.errors import ApiError, BadRequest, Conflict, Invalid, NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, api_world

REFERENCE = wire.Reference(api_version="apps/v1", kind="Deployment", namespace="default", name="web")
OPTIONS = wire.WriteOptions(field_manager="tests")
DOCUMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "finalizers": ["example.com/hold"]},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "i:1"}]},
        },
    },
}
Own = dict[str, Any]  # fields of metadata


def body(document: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(document).encode())


def with_own(document: dict[str, Any], own: Own) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], **own}}


async def stored(world: ApiWorld) -> apps.Deployment:
    found = await world.api.get(DEPLOYMENT, "default", "web")
    assert isinstance(found, apps.Deployment)
    return found


async def create(world: ApiWorld) -> apps.Deployment:
    new = wire.Reference(api_version="apps/v1", kind="Deployment", namespace="default")
    await world.writes.create(wire.CreateRequest(reference=new, body=body(DOCUMENT), options=OPTIONS))
    return await stored(world)


async def put(world: ApiWorld, own: Own, subresource: str = "") -> None:
    current = codec.object_to_dict(await stored(world))
    del current["metadata"]["resourceVersion"]
    request = wire.UpdateRequest(reference=REFERENCE, body=body(with_own(current, own)), options=OPTIONS)
    await world.writes.update(request, subresource)


async def patch(
    world: ApiWorld, patch: Any, type_: "wire.PatchRequest.Type.ValueType", subresource: str = ""
) -> None:
    await world.writes.patch(
        wire.PatchRequest(
            reference=REFERENCE,
            type=type_,
            patch=json.dumps(patch).encode(),
            subresource=subresource,
            options=OPTIONS,
        )
    )


async def apply(world: ApiWorld, own: Own, subresource: str = "") -> None:
    await world.writes.apply(
        wire.ApplyRequest(
            reference=REFERENCE,
            body=body(with_own(DOCUMENT, own)),
            options=OPTIONS,
            force=True,
            subresource=subresource,
        )
    )


WAYS: dict[str, Callable[[ApiWorld, Own], Awaitable[None]]] = {
    "update": put,
    "merge": lambda world, own: patch(world, {"metadata": own}, wire.PatchRequest.MERGE),
    "strategic": lambda world, own: patch(world, {"metadata": own}, wire.PatchRequest.STRATEGIC),
    "json": lambda world, own: patch(
        world,
        [{"op": "add", "path": f"/metadata/{key}", "value": value} for key, value in own.items()],
        wire.PatchRequest.JSON,
    ),
    "apply": apply,
    "update of status": lambda world, own: put(world, own, "status"),
    "patch of status": lambda world, own: patch(world, {"metadata": own}, wire.PatchRequest.MERGE, "status"),
    "apply of status": lambda world, own: apply(world, own, "status"),
}
way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

REFUSED: dict[str, tuple[Own, tuple[type[ApiError], ...], str]] = {
    # An update names the very object that it means; a patch would change the uid.
    "uid": ({"uid": "other"}, (Conflict, Invalid), "uid"),
    "deletionTimestamp": (
        {"deletionTimestamp": "2026-01-31T00:00:00Z"},
        (Invalid,),
        "metadata.deletionTimestamp: Invalid value",
    ),
    "deletionGracePeriodSeconds": (
        {"deletionGracePeriodSeconds": 5},
        (Invalid,),
        "metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable",
    ),
    "name": (
        {"name": "other"},
        (BadRequest,),
        "the name of the object (other) does not match the name on the URL (web)",
    ),
    "namespace": (
        {"namespace": "kube-system"},
        (BadRequest,),
        "the namespace of the object (kube-system) does not match the namespace on the request (default)",
    ),
    "resourceVersion": (
        {"resourceVersion": "7"},
        (Conflict,),
        'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; '
        "please apply your changes to the latest version and try again",
    ),
}


@way
@pytest.mark.parametrize(("own", "errors", "message"), REFUSED.values(), ids=REFUSED)
async def test_refused(
    way: Callable[[ApiWorld, Own], Awaitable[None]],
    own: Own,
    errors: tuple[type[ApiError], ...],
    message: str,
) -> None:
    async with api_world() as world:
        before = await create(world)
        with pytest.raises(errors) as caught:
            await way(world, own)
        assert message.lower() in caught.value.message.lower()
        assert await stored(world) == before


@way
async def test_put_back(way: Callable[[ApiWorld, Own], Awaitable[None]]) -> None:
    """What the server counts and dates is not a client's, and not worth a refusal."""
    async with api_world() as world:
        before = await create(world)
        await way(world, {"generation": 7, "creationTimestamp": "2026-01-31T00:00:00Z", "selfLink": "/x"})
        after = await stored(world)
        own, known = after.metadata, before.metadata
        assert (own.generation, own.creationTimestamp, own.selfLink) == (1, known.creationTimestamp, "")


@way
async def test_a_deletion_under_way_goes_on(way: Callable[[ApiWorld, Own], Awaitable[None]]) -> None:
    async with api_world() as world:
        await create(world)
        await world.api.delete(DEPLOYMENT, "default", "web", DeleteOptions())
        before = (await stored(world)).metadata
        await way(world, {"deletionTimestamp": "2026-01-31T00:00:00Z"})
        after = (await stored(world)).metadata
        assert after.deletionTimestamp == before.deletionTimestamp
        with pytest.raises(Invalid) as caught:
            await way(world, {"finalizers": ["example.com/hold", "example.com/more"]})
        assert (
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
            'found new finalizers []string{"example.com/more"}'
        ) in caught.value.message


@pytest.mark.parametrize("type_", [wire.PatchRequest.MERGE, wire.PatchRequest.STRATEGIC])
async def test_a_patch_may_take_away_what_the_server_knows(type_: "wire.PatchRequest.Type.ValueType") -> None:
    async with api_world() as world:
        before = await create(world)
        for key in ("uid", "namespace", "creationTimestamp", "resourceVersion", "managedFields"):
            await patch(world, {"metadata": {key: None}}, type_)
        assert await stored(world) == before
        with pytest.raises(BadRequest, match="was undeterminable: name must be provided"):
            await patch(world, {"metadata": {"name": None}}, type_)


async def test_to_apply_to_an_object_that_is_gone_creates_no_other() -> None:
    async with api_world() as world:
        with pytest.raises(Conflict) as caught:
            await apply(world, {"uid": "gone"})
        assert caught.value.message == (
            'Operation cannot be fulfilled on deployments.apps "web": uid mismatch: the provided object '
            "specified uid gone, and no existing object was found"
        )
        with pytest.raises(NotFound):
            await stored(world)


async def test_owners_are_there_once() -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}
    owners = [owner, {**owner, "uid": "v"}, owner]
    async with api_world() as world:
        await create(world)
        answer = await world.writes.patch(
            wire.PatchRequest(
                reference=REFERENCE,
                type=wire.PatchRequest.MERGE,
                patch=json.dumps({"metadata": {"ownerReferences": owners}}).encode(),
            )
        )
        assert list(answer.warnings) == [
            ".metadata.ownerReferences contains duplicate entries; duplicate UID(s): u"
        ]
        kept = (await stored(world)).metadata.ownerReferences
        assert [each.uid for each in kept] == ["u", "v"]
        assert isinstance(kept[0], meta.OwnerReference)

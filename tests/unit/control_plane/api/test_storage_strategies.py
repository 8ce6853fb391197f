"""What claims, volumes and limit ranges are given at their creation, through the whole path of a write."""

from typing import Any

import pytest

from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.every_kind import every_kind


async def create(world: ApiWorld, kind: Kind, **own: Any) -> Any:
    document = every_kind()[kind]
    document["metadata"] = own
    namespace = "default" if kind.namespaced else ""
    obj = codec.decode_object(document, kind.message)[0].message
    return (await world.api.create(kind, namespace, obj, OPTIONS)).obj


@pytest.mark.parametrize(
    ("kind", "finalizer"),
    [
        (kinds.PERSISTENT_VOLUME_CLAIM, "kubernetes.io/pvc-protection"),
        (kinds.PERSISTENT_VOLUME, "kubernetes.io/pv-protection"),
    ],
    ids=str,
)
async def test_storage_is_protected_once(kind: Kind, finalizer: str) -> None:
    async with api_world() as world:
        plain = await create(world, kind, name="plain")
        sent = await create(world, kind, name="sent", finalizers=[finalizer, "example.com/mine"])

        assert list(plain.metadata.finalizers) == [finalizer]
        assert list(sent.metadata.finalizers) == [finalizer, "example.com/mine"]


async def test_a_limit_range_without_a_name_gets_one() -> None:
    async with api_world() as world:
        limits = await create(world, kinds.LIMIT_RANGE)

        assert limits.metadata.name == limits.metadata.uid

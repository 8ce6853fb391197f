"""Manifests applied by the client."""

import pytest

from knarr.api.errors import DecodeError, ManifestError
from knarr.client import Client
from knarr.errors import Invalid
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.served import served_api

GOOD = "{apiVersion: v1, kind: ConfigMap, metadata: {name: good}}"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        pytest.param("a: [1", ManifestError, "<text>:", id="no YAML"),
        pytest.param("{apiVersion: v1, kind: Widget}", DecodeError, "Widget", id="no kind"),
        pytest.param("{apiVersion: v1, kind: ConfigMap}", DecodeError, "has a name", id="no metadata"),
        pytest.param(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: 1}}", DecodeError, "has a name", id="no name"
        ),
    ],
)
async def test_nothing_is_written_of_a_text_that_cannot_be_read(
    text: str, error: type[Exception], says: str
) -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        with pytest.raises(error, match=says):
            await client.apply_manifest(f"{GOOD}\n---\n{text}")
        assert not (await client.list(core.ConfigMap)).items


async def test_what_comes_before_a_refused_object_is_applied() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        bad = "{apiVersion: v1, kind: ConfigMap, metadata: {name: A_b}}"
        with pytest.raises(Invalid):
            await client.apply_manifest(f"{GOOD}\n---\n{bad}", "kube-system")
        assert (await client.get(core.ConfigMap, "kube-system", "good")).metadata.uid


async def test_dry_runs_write_nothing() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        (result,) = await client.apply_manifest(GOOD, dry_run=True)
        assert isinstance(result.object, core.ConfigMap)
        assert not (await client.list(core.ConfigMap)).items

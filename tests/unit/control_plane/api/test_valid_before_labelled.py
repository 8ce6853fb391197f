"""Labels that a job is given once it is valid are not what a refusal is about."""

from typing import Any

import pytest

from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.errors import Invalid
from tests.support.api import OPTIONS, ApiWorld, api_world

POD: dict[str, Any] = {"containers": [{"name": "c", "image": "i:1"}], "restartPolicy": "Never"}


async def create(world: ApiWorld, kind: Kind, name: str, **content: Any) -> Any:
    obj = codec.from_dict({"metadata": {"name": name}, **content}, kind.message)
    return (await world.api.create(kind, "default" if kind.namespaced else "", obj, OPTIONS)).obj


def job(**labels: str) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"labels": labels}, "spec": POD}}}


@pytest.mark.parametrize(
    ("labels", "fields"),
    [
        ({}, {"metadata.name", "spec.template.labels"}),
        ({"app": "a"}, {"metadata.name", "metadata.labels", "spec.template.labels"}),
    ],
    ids=["generated labels alone", "labels that the job shares"],
)
async def test_a_job_takes_the_labels_of_its_template(labels: dict[str, str], fields: set[str]) -> None:
    async with api_world() as world:
        with pytest.raises(Invalid) as refused:
            await create(world, kinds.JOB, "b a", **job(**labels))
        made = await create(world, kinds.JOB, "ba", **job(**labels))

        assert {cause.field for cause in refused.value.causes} == fields
        assert made.metadata.labels == made.spec.template.metadata.labels
        assert made.metadata.labels["job-name"] == "ba"

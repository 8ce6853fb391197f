"""docs/guides/quotas-and-limits.md: its documents are played against the API, its answers are the API's."""

import re
from pathlib import Path

from knarr.api import codec, manifest
from knarr.api.kinds import of
from knarr.errors import Forbidden
from tests.support.api import OPTIONS, ApiWorld, api_world

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "quotas-and-limits.md"
BLOCKS = re.findall(r"^```(yaml|text)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


async def play(world: ApiWorld, text: str) -> list[str]:
    """Create the documents of a block; what was refused."""
    refused: list[str] = []
    for document in manifest.read_text(text):
        obj = codec.object_from_dict(document.value).message
        kind = of(obj)
        namespace = obj.metadata.namespace  # type: ignore[attr-defined]  # every served kind has it
        try:
            await world.api.create(kind, namespace, obj, OPTIONS)
        except Forbidden as error:
            refused.append(error.message)
    return refused


async def test_the_guide_tells_what_happens() -> None:
    assert len(BLOCKS) > 8
    async with api_world() as world:
        refused: list[str] = []
        for language, text in BLOCKS:
            if language == "yaml":
                assert not refused, f"the guide does not tell of {refused}"
                refused = await play(world, text)
            else:
                assert refused == [text.strip()]
                refused = []
        assert not refused

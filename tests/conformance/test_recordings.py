"""Every recorded file played against Knarr: none may fall below its aim."""

import pytest

from tests.conformance.recording import HERE
from tests.conformance.runs import FILES, below_aim, play


@pytest.mark.timeout(120)
@pytest.mark.parametrize("file", FILES)
async def test_answers_are_those_recorded(file: str) -> None:
    score = await play(HERE / file)

    assert score.total > 0
    assert below_aim(score) == [], "\n".join(score.lines)

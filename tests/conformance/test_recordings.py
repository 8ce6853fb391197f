"""Every recorded file played against Knarr: none may fall below its aim, but for what differs on purpose."""

import pytest

from tests.conformance.recording import HERE
from tests.conformance.runs import FILES, broken, play


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", FILES)
async def test_answers_are_those_recorded(file: str) -> None:
    score = await play(HERE / file)

    assert score.total > 0
    assert broken(score) == [], "\n".join(score.lines)

"""Claims and volumes of the whole cluster in virtual time: nothing that was written is given away or split,
and no volume stays held for nobody."""

import pytest

from tests.simulation.run import play
from tests.simulation.volumes import VolumeStory


@pytest.mark.parametrize("seed", range(24))
def test_volumes_survive_whatever_happens(seed: int) -> None:
    log, error = play(seed, VolumeStory)
    assert error is None, (error, log)

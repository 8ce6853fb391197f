"""Values that are a number or a text."""

import math

import pytest

from knarr.api.int_or_string import scaled, text_of
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NUMBER, SHARE = meta.IntOrString(intVal=3), meta.IntOrString(type=1, strVal="25%")


def test_texts() -> None:
    assert [text_of(NUMBER), text_of(SHARE), text_of(meta.IntOrString())] == ["3", "25%", "0"]


@pytest.mark.parametrize(("total", "up", "down"), [(0, 0, 0), (1, 1, 0), (4, 1, 1), (10, 3, 2)])
def test_a_share_is_rounded_as_asked_and_a_number_is_itself(total: int, up: int, down: int) -> None:
    assert (scaled(SHARE, total, math.ceil), scaled(SHARE, total, math.floor)) == (up, down)
    assert scaled(NUMBER, total, math.ceil) == 3

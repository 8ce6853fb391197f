"""Pages of long lists grow, and are bounded in bytes."""

import pytest

from control_plane.store.interface import Record
from control_plane.store.paging import MOST, PAGE_BYTES, next_page


@pytest.mark.parametrize(
    ("size", "count", "value_bytes", "most", "wanted"),
    [
        pytest.param(500, 500, 100, MOST, 1_000, id="small records: twice as many"),
        pytest.param(3_000, 3_000, 100, MOST, MOST, id="no more than the most"),
        pytest.param(500, 500, 100, 600, 600, id="no more than this caller's most"),
        pytest.param(500, 500, 100, 100, 500, id="a page that is larger than the most stays"),
        pytest.param(500, 500, 16_383, MOST, PAGE_BYTES // 16_384, id="large records: fewer"),
        pytest.param(500, 4, PAGE_BYTES, MOST, 1, id="one record at least"),
        pytest.param(500, 0, 0, MOST, 500, id="nothing known"),
    ],
)
def test_next_page(size: int, count: int, value_bytes: int, most: int, wanted: int) -> None:
    assert next_page(size, [Record("k", b"x" * value_bytes, 1)] * count, most) == wanted

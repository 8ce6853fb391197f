"""How many records the next page of a long list has. Pure.

etcd counts all that is left of a range at each page, so many small pages cost it the square of the list;
large pages cost memory. So pages grow, up to a bound in bytes.
"""

from collections.abc import Sequence
from typing import Final

from control_plane.store.interface import Record

PAGE_BYTES: Final = 2 * 1024 * 1024  # of a page, if its records are as large as those before
MOST: Final = 4_000  # records: reading so many from an answer takes some ten milliseconds


def next_page(size: int, records: Sequence[Record], most: int = MOST) -> int:
    """The size of the page after one of `size` that had these records: at most twice as many, and `most`."""
    if not records:
        return size
    each = sum(len(record.value) + len(record.key) for record in records) / len(records)
    return max(1, min(2 * size, max(size, most), int(PAGE_BYTES / max(each, 1.0))))

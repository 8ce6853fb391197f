"""Python's garbage collector in a server: it must not hold the event loop.

A full collection looks through every container of the process: some 70,000 after the imports alone, and more
for every cached object, again and again, for tens of milliseconds and more, and finds next to nothing, since
reference counts have freed it before. So what is there when the server begins to serve is set aside for good,
and collections of young objects are rarer and larger than Python's own settings make them.
"""

import gc
from typing import Final

YOUNG: Final = 10_000  # containers made, less those freed, between two collections of the youngest
MIDDLE: Final = 10  # collections of the youngest between two of the middle generation
OLD: Final = 10  # and of those between two full ones, which also wait for a quarter more old objects


def settle() -> None:
    """Set aside what is there now; takes a moment, so call it before serving. Objects that are replaced later
    are freed as always, by their reference counts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)

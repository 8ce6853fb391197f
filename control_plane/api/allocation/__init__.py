"""Addresses and node ports of Services, each held by one Service at a time, whoever allocates them.

Which ones there are (ranges.py) and which a Service holds or wants (holdings.py, filling.py) is pure. The
allocator (allocator.py) makes claims of them: one key of the store each, written in one step with the
Service. The repair (repair.py) compares claims with Services.
"""

from control_plane.api.allocation.allocator import Allocator
from control_plane.api.allocation.repair import AllocationRepair

__all__ = ["AllocationRepair", "Allocator"]

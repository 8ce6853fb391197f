"""Which host ports are taken on which node, as counts per row. Pure."""

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.nodes import Mask
from control_plane.scheduler.shape import HostPort

WILDCARD = "0.0.0.0"
_Counts = npt.NDArray[np.int32]


class PortTable:
    """(protocol, port) -> host IP -> how many pods of each row claim it."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, int], dict[str, _Counts]] = {}
        self._totals: dict[tuple[str, int, str], int] = {}
        self._capacity = 0

    def grow(self, capacity: int) -> None:
        """Make room for rows below `capacity`."""
        if capacity > self._capacity:
            self._capacity = capacity
            for by_ip in self._taken.values():
                for ip, counts in by_ip.items():
                    by_ip[ip] = np.pad(counts, (0, capacity - len(counts)))

    def add(self, port: HostPort, row: int, copies: int) -> None:
        """Count `copies` (negative: off) claims on a row."""
        key = (port.protocol, port.port)
        by_ip = self._taken.setdefault(key, {})
        counts = by_ip.get(port.ip)
        if counts is None:
            counts = by_ip[port.ip] = np.zeros(self._capacity, np.int32)
        counts[row] += copies
        full = (*key, port.ip)
        total = self._totals[full] = self._totals.get(full, 0) + copies
        if total == 0:
            del self._totals[full], by_ip[port.ip]
            if not by_ip:
                del self._taken[key]

    def taken(self, port: HostPort, size: int) -> Mask | None:
        """Rows on which the claim would conflict: same protocol and port, and the same address or either of
        the two on all addresses. None: nowhere."""
        by_ip = self._taken.get((port.protocol, port.port))
        if by_ip is None:
            return None
        taken: Mask | None = None
        for ip, counts in by_ip.items():
            if port.ip in (ip, WILDCARD) or ip == WILDCARD:
                some = counts[:size] > 0
                taken = some if taken is None else taken | some
        return taken

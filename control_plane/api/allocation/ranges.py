"""What can be allocated: the cluster's Service addresses, and node ports. Pure.

The lower part of a range is kept for people who choose a value themselves: chance picks from the upper part
as long as anything is free there.
Source: kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation and KEP-3070, KEP-3668.
"""

import ipaddress
import random
from collections.abc import Callable, Container
from dataclasses import dataclass

GUESSES = 16  # before all that is free is looked for


@dataclass(frozen=True, slots=True)
class AddressRange:
    """The Service addresses of a cluster: IPv4, without the network's own two."""

    network: ipaddress.IPv4Network

    def __contains__(self, text: str) -> bool:
        try:
            number = int(ipaddress.IPv4Address(text))
        except ValueError:
            return False
        return self._first <= number < self._first + self._size

    def pick(self, rng: random.Random, taken: Container[str]) -> str | None:
        """A free address, or None when there is none."""
        offset = min(max(16, self.network.num_addresses // 16), 256)
        number = _pick(rng, self._size, offset, lambda index: self._text(index) in taken)
        return self._text(number) if number is not None else None

    def _text(self, index: int) -> str:
        return str(ipaddress.IPv4Address(self._first + index))

    @property
    def _first(self) -> int:
        return int(self.network.network_address) + 1

    @property
    def _size(self) -> int:
        return self.network.num_addresses - 2


@dataclass(frozen=True, slots=True)
class PortRange:
    """Node ports, both ends included."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def pick(self, rng: random.Random, taken: Container[int]) -> int | None:
        """A free port, or None when there is none."""
        size = self.last - self.first + 1
        offset = min(max(16, size // 32), 128)
        number = _pick(rng, size, offset, lambda index: self.first + index in taken)
        return self.first + number if number is not None else None


def _pick(rng: random.Random, size: int, offset: int, is_taken: Callable[[int], bool]) -> int | None:
    """A free index under `size`; one from `offset` on if there is any."""
    for start, end in ((offset, size), (0, min(offset, size))):
        if start >= end:
            continue
        for _ in range(GUESSES):
            index = rng.randrange(start, end)
            if not is_taken(index):
                return index
        free = [index for index in range(start, end) if not is_taken(index)]
        if free:
            return rng.choice(free)
    return None

"""How long to wait before trying again: doubling, bounded, with jitter from a given source of chance."""

import random


class Backoff:
    """Pauses in seconds; each is drawn from between half the present bound and the bound itself."""

    def __init__(self, rng: random.Random, first_s: float = 0.05, most_s: float = 5.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s
        self._bound_s = first_s

    def next_s(self) -> float:
        """The pause before the next attempt; the one after that may be twice as long."""
        bound_s = self._bound_s
        self._bound_s = min(self._most_s, bound_s * 2)
        return bound_s * (0.5 + self._rng.random() / 2)

    def reset(self) -> None:
        """The last attempt went well: begin again with short pauses."""
        self._bound_s = self._first_s

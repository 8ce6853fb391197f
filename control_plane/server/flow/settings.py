"""How much the API server does at once, and how much may wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Of one sort of requests. A request costs 1, a batch as much as it has items."""

    # Requests served at once. Enough for writes to share batches of the store, little enough that who comes
    # next is served within some tens of milliseconds.
    at_once: int = 32
    # Requests that wait, of all callers and of one; beyond, they are told to come again. Waiting costs a few
    # kilobytes each.
    waiting: int = 4_096
    waiting_each: int = 512
    # After so long the request is told to come again: most clients have given up by then.
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Of all sorts."""

    # Reads and writes of single objects, and batches.
    calls: GateSettings = GateSettings()
    # Parts of lists that are made at once: each holds the event loop for milliseconds.
    parts: GateSettings = GateSettings(at_once=2)
    # Lists under way, of all callers and of one: each holds a part in memory, a megabyte at most.
    lists: int = 256
    lists_each: int = 32
    # Watches, of all callers and of one: some 20 kB each.
    watches: int = 20_000
    watches_each: int = 4_000

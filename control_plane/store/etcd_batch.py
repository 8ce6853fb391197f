"""Batches of compare-and-sets: which writes go together, the Txn they make, and what its answer means.

Pure functions; etcd_writer.py sends what they make. A batch is one Txn of nested Txns, each with its own
comparison, so each write has its own outcome; all changes share one revision and differ in position.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from control_plane.store.etcd_values import LAST, list_version, position_of, record_of
from control_plane.store.interface import (
    MAX_BATCH,
    POSITIONS,
    AmbiguousError,
    Failed,
    Outcome,
    Refused,
    Write,
    Written,
)
from knarr.proto.etcd import rpc_pb2 as rpc

MAX_WRITES = 50  # of one batch; etcd takes 128 operations, and positions must be left for deletions
MAX_BYTES = 1_200_000  # of one batch: etcd's limit is 1.5 MiB for everything in the request
LOOKED_AT = 4 * MAX_WRITES  # queued writes looked at to fill one batch


class Call:
    """What one caller wrote at once."""

    __slots__ = ("_finished", "_left", "outcomes")

    def __init__(self, count: int, finished: Callable[[], None]) -> None:
        """`finished` is called once all `count` outcomes are there."""
        self.outcomes: list[Outcome | None] = [None] * count
        self._left = count
        self._finished = finished

    def settle(self, index: int, outcome: Outcome) -> None:
        """The outcome of one write."""
        self.outcomes[index] = outcome
        self._left -= 1
        if not self._left:
            self._finished()


@dataclass(slots=True, eq=False)
class Entry:
    """One queued write."""

    write: Write
    call: Call
    index: int

    def settle(self, outcome: Outcome) -> None:
        self.call.settle(self.index, outcome)


T = TypeVar("T")
Batch = Sequence[tuple[int, Entry]]  # by position


def take(queue: deque[Entry], turn: int) -> Batch:
    """Take from a queue of different keys the writes of the next batch, at least one.

    `turn` spreads the positions of small batches, so that what was written alone can be deleted together."""
    puts: list[Entry] = []
    deletions: dict[int, Entry] = {}
    passed: list[Entry] = []
    size = 0
    while queue and len(puts) + len(deletions) < MAX_WRITES and len(passed) < LOOKED_AT:
        entry = queue.popleft()
        write = entry.write
        some = bool(puts or deletions)
        size += 3 * len(write.key) + len(write.value or b"") + 48
        if some and (size > MAX_BYTES or _alone(write)):
            passed.append(entry)
            break
        if write.value is not None:
            puts.append(entry)
        elif _alone(write):
            deletions[0] = entry
            break
        elif deletions.setdefault((write.expected or 0) % POSITIONS, entry) is not entry:
            passed.append(entry)
    queue.extendleft(reversed(passed))
    return arrange(puts, deletions, turn)


def _alone(write: Write) -> bool:
    """A deletion whose position is not known goes alone: any position will do there."""
    return write.value is None and (write.expected is None or write.expected % POSITIONS > LAST)


def arrange(puts: list[T], deletions: dict[int, T], turn: int) -> list[tuple[int, T]]:
    """By position: deletions where they must be, the rest around them."""
    free = [position for position in range(MAX_BATCH) if position not in deletions]
    start = turn % (len(free) - len(puts) + 1)
    placed = [*deletions.items(), *zip(free[start:], puts, strict=False)]
    placed.sort(key=lambda place: place[0])
    return placed


def request(batch: Batch, again: bool) -> rpc.TxnRequest:
    """The Txn. `again`: it was sent before and may have been carried out; a comparison then keeps each write
    from being done twice, and writes without one are only read."""
    txn = rpc.TxnRequest()
    add = txn.success.add
    for position, entry in batch:
        write = entry.write
        key = write.key.encode()
        nested = add().request_txn
        if write.expected is not None:
            nested.compare.add(key=key, target=rpc.Compare.MOD, mod_revision=write.expected // POSITIONS)
        elif again:
            nested.compare.add(key=key, target=rpc.Compare.VERSION, result=rpc.Compare.LESS, version=0)
        if write.value is None:
            deletion = nested.success.add().request_delete_range
            deletion.key = key
            deletion.prev_kv = True
        else:
            put = nested.success.add().request_put
            put.key = key
            put.value = bytes((position,)) + write.value
            if write.lease:
                put.lease = write.lease
        if nested.compare:
            nested.failure.add().request_range.key = key
    return txn


def outcomes(batch: Batch, response: rpc.TxnResponse, again: bool) -> list[Outcome]:
    """What each write came to, in the order of the batch."""
    revision = response.header.revision
    return [
        _outcome(position, entry.write, answer.response_txn, revision, again)
        for (position, entry), answer in zip(batch, response.responses, strict=True)
    ]


def _outcome(position: int, write: Write, answer: rpc.TxnResponse, revision: int, again: bool) -> Outcome:
    if answer.succeeded:
        if write.value is not None:
            return Written(revision * POSITIONS + position)
        deleted = answer.responses[0].response_delete_range.prev_kvs
        if not deleted:
            return Written(list_version(revision))
        return Written(revision * POSITIONS + position_of(deleted[0].value))
    found = answer.responses[0].response_range.kvs
    current = record_of(found[0]) if found else None
    if not again:
        return Refused(current)
    if current is not None and write.value is not None and found[0].value == bytes((position,)) + write.value:
        return Written(current.version)
    return Failed(AmbiguousError(f"{write.key}: the answer was lost, and what is stored does not tell"))

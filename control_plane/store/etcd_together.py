"""Writes that are done all or not at all: the Txn they make, and what its answer means. Pure.

Unlike a batch (etcd_batch.py), whose writes have nothing to do with each other, they share one comparison.
"""

from collections.abc import Sequence

from control_plane.store.etcd_batch import arrange
from control_plane.store.etcd_values import record_of
from control_plane.store.interface import (
    POSITIONS,
    AmbiguousError,
    Failed,
    Outcome,
    Record,
    Refused,
    Write,
    Written,
)
from knarr.proto.etcd import kv_pb2 as kv
from knarr.proto.etcd import rpc_pb2 as rpc

Placed = Sequence[tuple[int, Write]]  # by position


def placed(write: Write, turn: int) -> Placed:
    """The write and those done with it, each at its position."""
    writes = (write, *write.also)
    deletions = {(each.expected or 0) % POSITIONS: each for each in writes if each.value is None}
    return arrange([each for each in writes if each.value is not None], deletions, turn)


def request(writes: Placed) -> rpc.TxnRequest:
    """The Txn. It can be sent again: its comparison holds at most once."""
    txn = rpc.TxnRequest()
    for position, write in writes:
        key = write.key.encode()
        txn.compare.add(key=key, target=rpc.Compare.MOD, mod_revision=(write.expected or 0) // POSITIONS)
        txn.failure.add().request_range.key = key
        operation = txn.success.add()
        if write.value is None:
            operation.request_delete_range.key = key
        else:
            put = operation.request_put
            put.key, put.value, put.lease = key, bytes((position,)) + write.value, write.lease
    return txn


def outcome(write: Write, writes: Placed, response: rpc.TxnResponse, again: bool) -> Outcome:
    """What the whole came to. `again`: it was sent before, and an answer was lost."""
    if response.succeeded:
        revision = response.header.revision
        versions = {each.key: revision * POSITIONS + position for position, each in writes}
        return Written(versions[write.key], tuple(versions[each.key] for each in write.also))
    stored = {
        each.key: answer.response_range.kvs[0] if answer.response_range.kvs else None
        for (_, each), answer in zip(writes, response.responses, strict=True)
    }
    records = {key: record_of(found) if found is not None else None for key, found in stored.items()}
    if not again:
        return Refused(records[write.key], tuple(records[each.key] for each in write.also))
    if all(_is_stored(position, each, stored[each.key]) for position, each in writes):
        return Written(
            _version(records[write.key]), tuple(_version(records[each.key]) for each in write.also)
        )
    return Failed(AmbiguousError(f"{write.key}: the answer was lost, and what is stored does not tell"))


def _is_stored(position: int, write: Write, found: kv.KeyValue | None) -> bool:
    if write.value is None:
        return found is None
    return found is not None and found.value == bytes((position,)) + write.value


def _version(record: Record | None) -> int:
    return record.version if record is not None else 0

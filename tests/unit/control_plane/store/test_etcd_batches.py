"""Which writes go into one batch, at which positions, and what an answer means."""

from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.store.etcd_batch import MAX_BYTES, MAX_WRITES, Batch, Call, Entry, outcomes, request, take
from control_plane.store.interface import (
    ABSENT,
    MAX_BATCH,
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


def queue_of(writes: Sequence[Write]) -> deque[Entry]:
    call = Call(len(writes), lambda: None)
    return deque(Entry(write, call, index) for index, write in enumerate(writes))


def delete(key: str, position: int) -> Write:
    return Write(key, None, 5 * POSITIONS + position)


def batches(writes: Sequence[Write]) -> list[Batch]:
    queue = queue_of(writes)
    found: list[Batch] = []
    while queue:
        found.append(take(queue, len(found)))
    return found


_writes = st.lists(
    st.one_of(
        st.builds(lambda size: ("put", size), st.integers(0, 40_000)),
        st.builds(lambda position: ("delete", position), st.one_of(st.none(), st.integers(0, MAX_BATCH - 1))),
    ),
    max_size=300,
)


@given(_writes, st.integers(0, 1000))
def test_batches_keep_every_rule(kinds: list[tuple[str, int | None]], turn: int) -> None:
    writes = []
    for index, (kind, number) in enumerate(kinds):
        if kind == "put":
            writes.append(Write(f"/a/{index}", bytes(number or 0), None))
        else:
            writes.append(
                Write(f"/a/{index}", None, None) if number is None else delete(f"/a/{index}", number)
            )
    queue = queue_of(writes)
    taken: list[str] = []
    while queue:
        batch = take(queue, turn)
        positions = [position for position, _ in batch]
        assert 0 < len(batch) <= MAX_WRITES
        assert positions == sorted(set(positions))
        assert positions[-1] < MAX_BATCH
        assert request(batch, False).ByteSize() < 1.5 * 1024**2
        for position, entry in batch:
            write = entry.write
            taken.append(write.key)
            if write.value is None and write.expected is not None:
                assert position == write.expected % POSITIONS
            if write.value is None and write.expected is None:
                assert len(batch) == 1
    assert sorted(taken) == sorted(write.key for write in writes)


def test_a_full_batch_of_deletions_goes_as_one() -> None:
    (batch,) = batches([delete(f"/a/{position}", position) for position in reversed(range(50))])
    assert [position for position, _ in batch] == list(range(50))


def test_deletions_of_one_position_go_apart() -> None:
    assert [len(batch) for batch in batches([delete("/a/x", 7), delete("/a/y", 7), delete("/a/z", 8)])] == [
        2,
        1,
    ]


def test_puts_stand_around_deletions() -> None:
    (batch,) = batches([Write("/a/p", b"", None), delete("/a/d", 0), Write("/a/q", b"", None)])
    assert [(position, entry.write.key) for position, entry in batch] == [
        (0, "/a/d"),
        (1, "/a/p"),
        (2, "/a/q"),
    ]


def test_writes_alone_take_every_position_in_turn() -> None:
    positions = [take(queue_of([Write("/a/x", b"", None)]), turn)[0][0] for turn in range(MAX_BATCH)]
    assert positions == list(range(MAX_BATCH))


def test_a_value_too_large_for_any_batch_goes_alone() -> None:
    writes = [Write("/a/x", b"", None), Write("/a/y", bytes(2 * MAX_BYTES), None), Write("/a/z", b"", None)]
    assert [len(batch) for batch in batches(writes)] == [1, 1, 1]


WRITE = Write("/a/x", b"mine", 3 * POSITIONS + 4)


def stored(value: bytes, revision: int) -> kv.KeyValue:
    return kv.KeyValue(key=b"/a/x", value=value, mod_revision=revision)


def refusal(*found: kv.KeyValue) -> rpc.TxnResponse:
    ranged = rpc.ResponseOp(response_range=rpc.RangeResponse(kvs=found))
    return rpc.TxnResponse(responses=[ranged])


def acceptance(*deleted: kv.KeyValue) -> rpc.TxnResponse:
    answer = rpc.ResponseOp(response_delete_range=rpc.DeleteRangeResponse(prev_kvs=deleted))
    return rpc.TxnResponse(succeeded=True, responses=[answer])


@pytest.mark.parametrize(
    ("write", "answer", "again", "expected"),
    [
        pytest.param(WRITE, rpc.TxnResponse(succeeded=True), False, Written(9 * 64 + 2), id="written"),
        pytest.param(WRITE, refusal(), False, Refused(None), id="refused, gone"),
        pytest.param(
            WRITE,
            refusal(stored(b"\x05theirs", 8)),
            False,
            Refused(Record("/a/x", b"theirs", 8 * 64 + 5)),
            id="refused, changed",
        ),
        pytest.param(
            WRITE, refusal(stored(b"\x02mine", 8)), True, Written(8 * 64 + 2), id="had been written"
        ),
        pytest.param(
            WRITE,
            refusal(stored(b"\x02mine", 8)),
            False,
            Refused(Record("/a/x", b"mine", 8 * 64 + 2)),
            id="the same value by somebody else",
        ),
        pytest.param(
            Write("/a/x", None, 3 * 64 + 4),
            acceptance(stored(b"\x04old", 3)),
            False,
            Written(9 * 64 + 4),
            id="deleted",
        ),
        pytest.param(
            Write("/a/x", None, None), acceptance(), False, Written(9 * 64 + 63), id="nothing to delete"
        ),
    ],
)
def test_outcomes(write: Write, answer: rpc.TxnResponse, again: bool, expected: Outcome) -> None:
    (entry,) = queue_of([write])
    response = rpc.TxnResponse(responses=[rpc.ResponseOp(response_txn=answer)])
    response.header.revision = 9
    assert outcomes([(2, entry)], response, again) == [expected]


@pytest.mark.parametrize(
    ("write", "answer"),
    [
        pytest.param(WRITE, refusal(stored(b"\x05theirs", 8)), id="overwritten, or never written"),
        pytest.param(Write("/a/x", None, ABSENT + 64), refusal(), id="deleted by whom"),
    ],
)
def test_what_does_not_tell_is_ambiguous(write: Write, answer: rpc.TxnResponse) -> None:
    (entry,) = queue_of([write])
    response = rpc.TxnResponse(responses=[rpc.ResponseOp(response_txn=answer)])
    (outcome,) = outcomes([(2, entry)], response, True)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AmbiguousError)


def test_sent_again_a_write_without_comparison_is_only_read() -> None:
    (entry,) = queue_of([Write("/a/x", b"v", None)])
    nested = request([(0, entry)], True).success[0].request_txn
    assert nested.compare[0].result == rpc.Compare.LESS
    assert nested.failure[0].request_range.key == b"/a/x"

"""What a failed try means: every row, and that no write is repeated that may have been done."""

import grpc
import pytest

from knarr import errors
from knarr.client.retries import TABLE, Failed, Verdict, judge

AGAIN, IN_DOUBT, RAISE = Verdict.AGAIN, Verdict.IN_DOUBT, Verdict.RAISE
CODE = grpc.StatusCode

CASES: dict[str, tuple[Failed, Verdict, Verdict]] = {
    "no connection": (Failed(errors.Unavailable(""), None, False), AGAIN, AGAIN),
    "503": (Failed(errors.Unavailable(""), CODE.UNAVAILABLE, True), AGAIN, AGAIN),
    "429 with a time": (
        Failed(errors.TooManyRequests("", retry_after_s=1), CODE.RESOURCE_EXHAUSTED, True),
        AGAIN,
        AGAIN,
    ),
    "429": (Failed(errors.TooManyRequests(""), CODE.RESOURCE_EXHAUSTED, True), RAISE, RAISE),
    "504 with a time": (
        Failed(errors.Timeout("", retry_after_s=1), CODE.DEADLINE_EXCEEDED, True),
        AGAIN,
        IN_DOUBT,
    ),
    "504": (Failed(errors.Timeout(""), CODE.DEADLINE_EXCEEDED, True), RAISE, IN_DOUBT),
    "409": (Failed(errors.Conflict(""), CODE.ABORTED, True), RAISE, RAISE),
    "500": (Failed(errors.InternalError(""), CODE.INTERNAL, True), RAISE, RAISE),
    "too large": (
        Failed(errors.TooLarge(""), CODE.RESOURCE_EXHAUSTED, False),
        RAISE,
        RAISE,
    ),
    "the connection broke": (Failed(errors.Unavailable(""), CODE.UNAVAILABLE, False), AGAIN, IN_DOUBT),
    "the server ended the call": (Failed(errors.Unavailable(""), CODE.CANCELLED, False), AGAIN, IN_DOUBT),
    "time is up": (Failed(errors.Timeout(""), CODE.DEADLINE_EXCEEDED, False), RAISE, IN_DOUBT),
    "no such call": (Failed(errors.MethodNotAllowed(""), CODE.UNIMPLEMENTED, False), RAISE, RAISE),
    "anything else": (Failed(errors.InternalError(""), CODE.DATA_LOSS, False), RAISE, IN_DOUBT),
}


@pytest.mark.parametrize(("failed", "read", "write"), CASES.values(), ids=CASES)
def test_what_follows(failed: Failed, read: Verdict, write: Verdict) -> None:
    row = judge(failed)
    assert (row.read, row.write) == (read, write)


def test_every_row_is_reached() -> None:
    assert {judge(failed).case for failed, _, _ in CASES.values()} == {row.case for row in TABLE}


def test_only_what_was_not_done_is_written_again() -> None:
    """Nobody but a server, or the lack of a connection, can say that nothing was done."""
    for code in grpc.StatusCode:
        assert judge(Failed(errors.Unavailable(""), code, False)).write is not AGAIN


def test_a_read_is_never_in_doubt() -> None:
    assert all(row.read is not IN_DOUBT for row in TABLE)

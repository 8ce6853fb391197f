"""What a failed try means, and what may be done about it. Pure: a table, read from the top.

The rule behind it: a read may always be repeated; a write may be repeated only when it is certain that
nothing was done. Whatever else became of a write leaves it in doubt, and then doing it again is no decision
of this module: see attempts.py and preconditions.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import grpc

from knarr.errors import ApiError, Timeout, TooManyRequests, Unavailable


class Verdict(Enum):
    """What follows from a failed try."""

    AGAIN = "again"  # nothing was done: try again after a pause, elsewhere if there are more servers
    IN_DOUBT = "in doubt"  # it may have been done
    RAISE = "raised"  # the answer is final


@dataclass(frozen=True, slots=True)
class Failed:
    """A try that failed."""

    error: ApiError  # what the caller is told if this was the last try
    code: grpc.StatusCode | None  # None: there was no connection, so nothing was sent
    answered: bool  # a server answered with a Status; else this side or the transport says what happened


@dataclass(frozen=True, slots=True)
class Row:
    """One case. The first that fits counts."""

    case: str
    fits: Callable[[Failed], bool]
    read: Verdict
    write: Verdict
    why: str


def _is(*codes: grpc.StatusCode) -> Callable[[Failed], bool]:
    return lambda failed: failed.code in codes


def _answer(*errors: type[ApiError]) -> Callable[[Failed], bool]:
    return lambda failed: failed.answered and isinstance(failed.error, errors)


def _wait(failed: Failed) -> bool:
    return failed.error.retry_after_s > 0


AGAIN, IN_DOUBT, RAISE = Verdict.AGAIN, Verdict.IN_DOUBT, Verdict.RAISE
_Code = grpc.StatusCode

TABLE: tuple[Row, ...] = (
    Row(
        "no connection (refused, no route, TLS)",
        lambda failed: failed.code is None,
        AGAIN,
        AGAIN,
        "requests are sent only over a connection that stands: nothing was sent",
    ),
    Row(
        "503 ServiceUnavailable",
        _answer(Unavailable),
        AGAIN,
        AGAIN,
        "the server says that nothing was done",
    ),
    Row(
        "429 TooManyRequests with retryAfterSeconds",
        lambda failed: _answer(TooManyRequests)(failed) and _wait(failed),
        AGAIN,
        AGAIN,
        "the server says when, and that nothing was done",
    ),
    Row(
        "429 TooManyRequests without it",
        _answer(TooManyRequests),
        RAISE,
        RAISE,
        "a disruption budget forbids it; only the caller knows for how long to ask",
    ),
    Row(
        "504 Timeout with retryAfterSeconds",
        lambda failed: _answer(Timeout)(failed) and _wait(failed),
        AGAIN,
        IN_DOUBT,
        "a server that has yet to reach the version asked for",
    ),
    Row(
        "504 Timeout",
        _answer(Timeout),
        RAISE,
        IN_DOUBT,
        "the store did not confirm the write to the server either",
    ),
    Row(
        "any other Status (400 to 422, 500)",
        lambda failed: failed.answered,
        RAISE,
        RAISE,
        "the server has decided; 500 is a defect of it, and repeating would repeat it",
    ),
    Row(
        "gRPC RESOURCE_EXHAUSTED without Status",
        _is(_Code.RESOURCE_EXHAUSTED),
        RAISE,
        RAISE,
        "refused by a limit of the transport before anything was done",
    ),
    Row(
        "gRPC UNAVAILABLE, CANCELLED without Status",
        _is(_Code.UNAVAILABLE, _Code.CANCELLED),
        AGAIN,
        IN_DOUBT,
        "the connection broke, or the server stopped, before the answer came",
    ),
    Row(
        "gRPC DEADLINE_EXCEEDED without Status",
        _is(_Code.DEADLINE_EXCEEDED),
        RAISE,
        IN_DOUBT,
        "the time that the caller gave is over",
    ),
    Row(
        "gRPC UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED without Status",
        _is(_Code.UNIMPLEMENTED, _Code.UNAUTHENTICATED, _Code.PERMISSION_DENIED),
        RAISE,
        RAISE,
        "refused before it reached what carries it out",
    ),
    Row(
        "any other gRPC code without Status",
        lambda failed: True,
        RAISE,
        IN_DOUBT,
        "something between here and the server went wrong",
    ),
)


def judge(failed: Failed) -> Row:
    """The row that says what to do."""
    return next(row for row in TABLE if row.fits(failed))


def as_markdown() -> str:
    """The table as the guide shows it."""
    lines = ["| what came back | a read is | a write is | because |", "| --- | --- | --- | --- |"]
    words = {AGAIN: "tried again", IN_DOUBT: "in doubt", RAISE: "raised"}
    lines += [f"| {row.case} | {words[row.read]} | {words[row.write]} | {row.why} |" for row in TABLE]
    return "\n".join(lines) + "\n"

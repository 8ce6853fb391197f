"""gRPC errors as API errors, and which calls may be tried again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio

from knarr.errors import (
    ApiError,
    InternalError,
    MethodNotAllowed,
    Timeout,
    TooLarge,
    TooManyRequests,
    Unavailable,
    from_status,
)
from knarr.proto.kubernetes import meta_v1_pb2 as meta

STATUS_KEY = "knarr-status-bin"
FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 2.0

T = TypeVar("T")


class Unreachable(Unavailable):
    """No control plane answers at the addresses given."""


def api_error(error: grpc.aio.AioRpcError) -> ApiError:
    """The ApiError that a failed call stands for."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_KEY and isinstance(value, bytes):
            return from_status(meta.Status.FromString(value))
    details = error.details() or ""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return Unreachable(details)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Timeout("the control plane did not answer in time; read before you write again")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooLarge(details) if "larger" in details else TooManyRequests(details)
        case grpc.StatusCode.UNIMPLEMENTED:
            return MethodNotAllowed(f"the control plane does not know this call: {details}")
        case _:
            return InternalError(details or str(error.code()))


async def read(call: Callable[[float], Awaitable[T]], timeout_s: float, rng: random.Random) -> T:
    """Make a call that changes nothing; try again with back-off while it cannot be answered.

    `call` gets the seconds that are left. When time is up, raises the last ApiError that said why.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    backoff_s = FIRST_BACKOFF_S
    reason: ApiError | None = None
    while True:
        try:
            return await call(max(0.1, deadline - loop.time()))
        except grpc.aio.AioRpcError as error:
            failure = api_error(error)
            if not isinstance(failure, Unavailable | TooManyRequests):
                raise (reason or failure if isinstance(failure, Timeout) else failure) from error
            reason = failure
            pause_s = max(backoff_s, failure.retry_after_s) * (0.5 + rng.random())
            if loop.time() + pause_s >= deadline:
                raise failure from error
        await asyncio.sleep(pause_s)
        backoff_s = min(MAX_BACKOFF_S, backoff_s * 2)


async def write(call: Callable[[float], Awaitable[T]], timeout_s: float, rng: random.Random) -> T:
    """Make a call that changes something; try again only when the server said that nothing was done."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    backoff_s = FIRST_BACKOFF_S
    reason: ApiError | None = None
    while True:
        try:
            return await call(max(0.1, deadline - loop.time()))
        except grpc.aio.AioRpcError as error:
            failure = api_error(error)
            undone = isinstance(failure, Unavailable | TooManyRequests) and not isinstance(
                failure, Unreachable
            )
            pause_s = max(backoff_s, failure.retry_after_s) * (0.5 + rng.random())
            if isinstance(failure, Timeout) and reason is not None:
                failure = Timeout(f"{failure.message} (a try before: {reason.message})")
            if not undone or loop.time() + pause_s >= deadline:
                raise failure from error
            reason = failure
        await asyncio.sleep(pause_s)
        backoff_s = min(MAX_BACKOFF_S, backoff_s * 2)

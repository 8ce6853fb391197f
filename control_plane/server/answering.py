"""How every service ends a call: with the answer, or with the error that a client can read."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import grpc.aio
import structlog

from control_plane.server.errors import abort
from knarr.errors import ApiError, InternalError

T = TypeVar("T")

log = structlog.get_logger()


async def answered(context: "grpc.aio.ServicerContext[Any, Any]", work: Awaitable[T]) -> T:
    """The answer, or the call ended with the error. What nobody foresaw is logged and told as such."""
    try:
        return await work
    except ApiError as error:
        await abort(context, error)
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:
        log.exception("request failed")
        await abort(context, InternalError(f"the server failed: {type(error).__name__}: {error}"))

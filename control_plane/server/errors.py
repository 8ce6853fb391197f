"""API errors on the wire: a gRPC code, a short text, and the whole Status in the trailing metadata."""

from typing import Any, NoReturn

import grpc
import grpc.aio

from knarr.errors import ApiError

STATUS_KEY = "knarr-status-bin"
MAX_DETAILS = 1024  # characters of the text; the Status has all
MAX_STATUS_BYTES = 6 * 1024  # clients refuse much more metadata than this
MAX_CAUSES = 50
MAX_NAME = 253  # characters of a name in the Status; longer ones are no names, but may be asked for

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    406: grpc.StatusCode.INVALID_ARGUMENT,
    410: grpc.StatusCode.OUT_OF_RANGE,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


async def abort(context: "grpc.aio.ServicerContext[Any, Any]", error: ApiError) -> NoReturn:
    """End the call with this error."""
    code = _CODES.get(error.code, grpc.StatusCode.INTERNAL)
    if error.code == 409:
        exists = error.reason == "AlreadyExists"
        code = grpc.StatusCode.ALREADY_EXISTS if exists else grpc.StatusCode.ABORTED
    await context.abort(code, error.message[:MAX_DETAILS], ((STATUS_KEY, status_bytes(error)),))
    raise AssertionError("abort does not return")


def status_bytes(error: ApiError) -> bytes:
    """The Status, shortened until it fits into metadata."""
    status = error.status()
    del status.details.causes[MAX_CAUSES:]
    value = status.SerializeToString()
    while len(value) > MAX_STATUS_BYTES and status.details.causes:
        del status.details.causes[len(status.details.causes) // 2 :]
        value = status.SerializeToString()
    if len(value) > MAX_STATUS_BYTES:
        status.message = status.message[:MAX_DETAILS]
        details = status.details
        details.group, details.kind = details.group[:MAX_NAME], details.kind[:MAX_NAME]
        details.name, details.uid = details.name[:MAX_NAME], details.uid[:MAX_NAME]
        value = status.SerializeToString()
    return value

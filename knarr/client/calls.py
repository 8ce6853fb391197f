"""gRPC errors as API errors."""

import grpc
import grpc.aio

from knarr.client.errors import Unreachable
from knarr.client.retries import Failed
from knarr.errors import (
    ApiError,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    Timeout,
    TooLarge,
    TooManyRequests,
    from_status,
)
from knarr.proto.kubernetes import meta_v1_pb2 as meta

STATUS_KEY = "knarr-status-bin"


def failed(error: grpc.aio.AioRpcError) -> Failed:
    """A failed call: the ApiError that it stands for, and who says so."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_KEY and isinstance(value, bytes):
            return Failed(from_status(meta.Status.FromString(value)), error.code(), answered=True)
    return Failed(_untold(error.code(), error.details() or ""), error.code(), answered=False)


def api_error(error: grpc.aio.AioRpcError) -> ApiError:
    """The ApiError that a failed call stands for."""
    return failed(error).error


def _untold(code: grpc.StatusCode, details: str) -> ApiError:
    """The error where no server answered with a Status."""
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return Unreachable(details)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Timeout("the control plane did not answer in time; read before you write again")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooLarge(details) if "larger" in details else TooManyRequests(details)
        case grpc.StatusCode.UNIMPLEMENTED:
            return MethodNotAllowed(f"the control plane does not know this call: {details}")
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return Forbidden(details)
        case grpc.StatusCode.CANCELLED:
            return Unreachable(details or "the server ended the call")
        case _:
            return InternalError(details or str(code))

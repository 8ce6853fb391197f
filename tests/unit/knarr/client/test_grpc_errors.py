"""What failed calls stand for, by what the server said and by what gRPC says where it said nothing."""

import grpc
import grpc.aio
import pytest

from knarr import errors
from knarr.client import Unreachable
from knarr.client.calls import STATUS_KEY, failed

CODE = grpc.StatusCode


def rpc_error(code: grpc.StatusCode, details: str = "", status: bytes | None = None) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(("other", "x"))
    if status is not None:
        trailing.add(STATUS_KEY, status)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)


def test_what_the_server_said_counts() -> None:
    said = errors.Conflict("it has changed").status().SerializeToString()
    told = failed(rpc_error(CODE.UNAVAILABLE, "ignored", said))
    assert type(told.error) is errors.Conflict
    assert told.error.message == "it has changed"
    assert told.answered


@pytest.mark.parametrize(
    ("code", "details", "error"),
    [
        (CODE.UNAVAILABLE, "gone", Unreachable),
        (CODE.CANCELLED, "", Unreachable),
        (CODE.DEADLINE_EXCEEDED, "", errors.Timeout),
        (CODE.RESOURCE_EXHAUSTED, "Received message larger than max", errors.TooLarge),
        (CODE.RESOURCE_EXHAUSTED, "too many", errors.TooManyRequests),
        (CODE.UNIMPLEMENTED, "Method not found", errors.MethodNotAllowed),
        (CODE.UNAUTHENTICATED, "", errors.Forbidden),
        (CODE.PERMISSION_DENIED, "", errors.Forbidden),
        (CODE.UNKNOWN, "boom", errors.InternalError),
    ],
)
def test_what_grpc_says(code: grpc.StatusCode, details: str, error: type[errors.ApiError]) -> None:
    told = failed(rpc_error(code, details))
    assert type(told.error) is error
    assert (told.code, told.answered) == (code, False)
    assert details in str(told.error) or error is errors.Timeout

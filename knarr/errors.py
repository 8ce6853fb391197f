"""The errors of the API, as servers raise them and clients receive them.

    ApiError                        a request that was not carried out; has a Kubernetes Status
    ├── BadRequest        400       cannot be read at all
    ├── Forbidden         403       admission or authorisation says no
    ├── NotFound          404
    ├── MethodNotAllowed  405
    ├── NotAcceptable     406
    ├── AlreadyExists     409
    ├── Conflict          409       the object has changed, or another manager owns the field
    ├── Expired           410       that version is no longer kept: list again
    ├── TooLarge          413
    ├── UnsupportedMediaType 415
    ├── Invalid           422       one cause for each field at fault
    ├── TooManyRequests   429       retry after `retry_after_s`
    ├── InternalError     500
    ├── Unavailable       503       nothing was done; retry
    └── Timeout           504       it may have been done or not: read before you write again

Only Unavailable, TooManyRequests and (for reads) Timeout may be retried without looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from knarr.proto.kubernetes import meta_v1_pb2 as meta


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong with one field: its path, a cause reason (FieldValueInvalid, …), a sentence."""

    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The object an error is about, as Status.details names it: group without version, kind or resource."""

    group: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


def sayable(text: str) -> str:
    """What JSON can say and UTF-8 cannot, lone surrogates, is written as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class ApiError(Exception):
    """A request that was not carried out."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        subject: Subject | None = None,
        retry_after_s: int = 0,
    ) -> None:
        self.message = sayable(message)
        super().__init__(self.message)
        self.causes = tuple(
            Cause(sayable(cause.field), cause.reason, sayable(cause.message)) for cause in causes
        )
        self.subject = subject
        self.retry_after_s = retry_after_s

    def status(self) -> meta.Status:
        """The Kubernetes Status of this error."""
        status = meta.Status(status="Failure", message=self.message, reason=self.reason, code=self.code)
        if self.subject is not None or self.causes or self.retry_after_s:
            details = status.details
            if self.subject is not None:
                details.group, details.kind = self.subject.group, self.subject.kind
                details.name, details.uid = self.subject.name, self.subject.uid
            details.retryAfterSeconds = self.retry_after_s
            for cause in self.causes:
                details.causes.add(reason=cause.reason, message=cause.message, field=cause.field)
        return status


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    code, reason = 409, "Conflict"


class Expired(ApiError):
    code, reason = 410, "Expired"

    def __init__(
        self,
        message: str,
        *,
        causes: Sequence[Cause] = (),
        subject: Subject | None = None,
        retry_after_s: int = 0,
        continue_token: str = "",
    ) -> None:
        """`continue_token`: of a list in parts, how to have the rest as it is now."""
        super().__init__(message, causes=causes, subject=subject, retry_after_s=retry_after_s)
        self.continue_token = continue_token

    def status(self) -> meta.Status:
        status = super().status()
        if self.continue_token:
            setattr(status.metadata, "continue", self.continue_token)
        return status


class TooLarge(ApiError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    code, reason = 500, "InternalError"


class Unavailable(ApiError):
    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    code, reason = 504, "Timeout"


_CLASSES: tuple[type[ApiError], ...] = (
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    AlreadyExists,
    Conflict,
    Expired,
    TooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    Unavailable,
    Timeout,
)
_BY_REASON = {cls.reason: cls for cls in _CLASSES}
_BY_CODE = {cls.code: cls for cls in reversed(_CLASSES)}


def from_status(status: meta.Status) -> ApiError:
    """The error that a received Status stands for; unknown codes become InternalError."""
    cls = _BY_REASON.get(status.reason) or _BY_CODE.get(status.code, InternalError)
    details = status.details
    subject = None
    if details.kind or details.name or details.group:
        subject = Subject(details.group, details.kind, details.name, details.uid)
    error = cls(
        status.message,
        causes=[Cause(cause.field, cause.reason, cause.message) for cause in details.causes],
        subject=subject,
        retry_after_s=details.retryAfterSeconds,
    )
    if isinstance(error, Expired):
        error.continue_token = getattr(status.metadata, "continue")
    return error

"""Refusals in Kubernetes' words: which error, its sentence and its subject. Pure."""

from collections.abc import Sequence

from knarr.api.kinds import Kind
from knarr.errors import (
    AlreadyExists,
    Cause,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    Subject,
    Timeout,
    TooLarge,
)

# Told of one object. Nobody reads more, and a request made to have a million must not hold up others.
MOST_CAUSES = 1_000
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def resource(kind: Kind) -> str:
    """ "deployments.apps", "pods"."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def subject(kind: Kind, name: str) -> Subject:
    """By resource, as most refusals name their subject."""
    return Subject(group=kind.group, kind=kind.plural, name=name)


def not_found(kind: Kind, name: str) -> NotFound:
    return NotFound(f'{resource(kind)} "{name}" not found', subject=subject(kind, name))


def already_exists(kind: Kind, name: str, *, deleting: bool = False) -> AlreadyExists:
    prefix = "object is being deleted: " if deleting else ""
    return AlreadyExists(f'{prefix}{resource(kind)} "{name}" already exists', subject=subject(kind, name))


def no_unique_name(error: AlreadyExists) -> AlreadyExists:
    """For an object that the server was to name: all the names it tried are taken."""
    return AlreadyExists(
        f"{error.message}, the server was not able to generate a unique name for the object",
        subject=error.subject,
        retry_after_s=1,
    )


def conflict(kind: Kind, name: str, why: str = MODIFIED, *, subresource: str = "") -> Conflict:
    """`subresource`: the request was to it, and it names the subject."""
    suffix = f"/{subresource}" if subresource else ""
    return Conflict(
        f'Operation cannot be fulfilled on {resource(kind)}{suffix} "{name}": {why}',
        subject=Subject(kind.group, f"{kind.plural}{suffix}", name),
    )


def failed(what: str, wanted: str, found: str) -> str:
    """Why a write was not done whose precondition (UID, ResourceVersion) did not hold."""
    return f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"


def precondition_failed(kind: Kind, name: str, why: str) -> Conflict:
    """A precondition of a deletion; names the kind, where other conflicts name the resource."""
    qualified = f"{kind.name}.{kind.group}" if kind.group else kind.name
    return Conflict(
        f'Operation cannot be fulfilled on {qualified} "{name}": {why}',
        subject=Subject(kind.group, kind.name, name),
    )


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[Cause] = ()) -> Forbidden:
    return Forbidden(
        f'{resource(kind)} "{name}" is forbidden: {why}', causes=causes, subject=subject(kind, name)
    )


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Invalid:
    """All causes at once; each sentence said once, though causes may repeat."""
    return invalid_as(kind.name, kind.group, name, causes)


def invalid_as(kind_name: str, group: str, name: str, causes: Sequence[Cause]) -> Invalid:
    """As `invalid`, of something that is no served kind (DeleteOptions, Scale)."""
    qualified = f"{kind_name}.{group}" if group else kind_name
    causes = causes[:MOST_CAUSES]
    sentences = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    return Invalid(
        f'{qualified} "{name}" is invalid: {text}', causes=causes, subject=Subject(group, kind_name, name)
    )


def too_large(kind: Kind, name: str, size: int, limit: int) -> TooLarge:
    return TooLarge(
        f'{resource(kind)} "{name}" is too large: {size} bytes, the limit is {limit} bytes',
        subject=subject(kind, name),
    )


def expired(asked: int, oldest: int) -> Expired:
    """A version that is no longer kept; `oldest` 0 when it is not known."""
    known = f" ({oldest})" if oldest else ""
    return Expired(f"too old resource version: {asked}{known}; list again")


def too_large_version(asked: int, newest: int | None = None) -> Timeout:
    """A read of a version that is not there yet; `newest` where that is known."""
    current = "" if newest is None else f", current: {newest}"
    cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
    return Timeout(f"Too large resource version: {asked}{current}", causes=[cause], retry_after_s=1)

"""The functions that the API calls on its way to the store."""

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.rules import (
    access,
    autoscaling,
    claims,
    cluster,
    config,
    cronjobs,
    daemons,
    endpoints,
    events,
    ingresses,
    jobs,
    limits,
    networkpolicies,
    podgroups,
    pods,
    policy,
    services,
    stateful,
    storage,
    workloads,
)
from control_plane.api.rules.checks import SEGMENT
from control_plane.api.rules.engine import Causes, Nested
from control_plane.api.rules.metadata import check_metadata_update
from control_plane.api.rules.objects import ObjectRules
from knarr.api.kinds import Kind
from knarr.errors import Cause, Invalid, Subject

BY_MESSAGE: Final[dict[type[Message], ObjectRules]] = {
    rules.message: rules
    for family in (
        access,
        autoscaling,
        claims,
        cluster,
        config,
        cronjobs,
        daemons,
        endpoints,
        events,
        jobs,
        limits,
        ingresses,
        networkpolicies,
        podgroups,
        pods,
        policy,
        services,
        stateful,
        storage,
        workloads,
    )
    for rules in family.RULES
}


def rules_of(kind: Kind) -> ObjectRules:
    """Raises KeyError for a kind without a table."""
    return BY_MESSAGE[kind.message]


def default_object(kind: Kind, obj: Message) -> None:
    """Set what is absent to Kubernetes' defaults, in place. Idempotent."""
    fill = rules_of(kind).table.fill
    if fill is not None:
        fill(obj)


def validate_create(kind: Kind, obj: Any) -> list[Cause]:
    """Everything wrong with a new object, whose defaults are set and whose name is generated."""
    causes: Causes = []
    rules = rules_of(kind)
    rules.table.check(obj, "", causes)
    for rule in rules.create:
        rule.check(obj, "", causes)
    if not causes:
        SEGMENT.check(obj.metadata.name, "metadata.name", causes)
    return causes


def validate_update(kind: Kind, new: Any, old: Any) -> list[Cause]:
    """Everything wrong with a changed object: by itself, and as a change of the old one.

    Fields of metadata that the server writes (uid, creationTimestamp, …) may be left out of the new one, but
    resourceVersion must be there: who allows updates without one fills in the old.
    """
    causes: Causes = []
    rules = rules_of(kind)
    check_metadata_update(new.metadata, old.metadata, "metadata", causes)
    rules.table.check(new, "", causes)
    for rule in rules.update:
        rule.check(new, old, "", causes)
    return causes


def validate_status_update(kind: Kind, new: Any, old: Any) -> list[Cause]:
    """Everything wrong with a changed status. The rest of the object is not looked at, but for metadata."""
    causes: Causes = []
    rules = rules_of(kind)
    check_metadata_update(new.metadata, old.metadata, "metadata", causes)
    for nested in rules.table.rules:
        if isinstance(nested, Nested) and nested.field in ("metadata", "status"):
            nested.table.check(getattr(new, nested.field), nested.field, causes)
    for rule in rules.status:
        rule.check(new, old, "", causes)
    return causes


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Invalid:
    """The error: `Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: …`.

    With several causes each sentence stands once, in brackets; all causes stand in the error's status.
    """
    qualified = f"{kind.name}.{kind.group}" if kind.group else kind.name
    sentences = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    subject = Subject(group=kind.group, kind=kind.name, name=name)
    return Invalid(f'{qualified} "{name}" is invalid: {text}', causes=causes, subject=subject)

"""Descriptions of what limits others: disruption budgets, quotas, limit ranges, namespaces with theirs."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.int_or_string import text_of
from knarr.api.selectors import from_message
from knarr.cli.describing.text import Text
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy


def describe_budget(text: Text, obj: policy.PodDisruptionBudget, related: Sequence[Message]) -> None:
    """What must stay, what there is, and how many may go now."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Selector", from_message(spec.selector))
    if spec.HasField("minAvailable"):
        text.field("Min available", text_of(spec.minAvailable))
    if spec.HasField("maxUnavailable"):
        text.field("Max unavailable", text_of(spec.maxUnavailable))
    text.field("Pods", f"{status.expectedPods} expected | {status.currentHealthy} healthy")
    text.field("Healthy needed", status.desiredHealthy)
    text.field("May be disrupted", f"{status.disruptionsAllowed} now")
    text.conditions(status.conditions)


def describe_quota(text: Text, obj: core.ResourceQuota, related: Sequence[Message]) -> None:
    """What is used of what there may be."""
    text.metadata(obj.metadata)
    if obj.spec.scopes:
        text.field("Scopes", ", ".join(obj.spec.scopes))
    _used(text, "Resources", obj)


def _used(text: Text, label: str, quota: core.ResourceQuota) -> None:
    hard = quota.status.hard or quota.spec.hard
    rows = [
        (name, quota.status.used[name].string if name in quota.status.used else "0", hard[name].string)
        for name in sorted(hard)
    ]
    text.table(label, ("RESOURCE", "USED", "HARD"), rows)


def describe_limit_range(text: Text, obj: core.LimitRange, related: Sequence[Message]) -> None:
    """Bounds and defaults of what containers, pods and claims ask for."""
    text.metadata(obj.metadata)
    _limits(text, "Limits", obj)


def _limits(text: Text, label: str, obj: core.LimitRange) -> None:
    rows = []
    for item in obj.spec.limits:
        columns = (item.min, item.max, item.defaultRequest, item.default, item.maxLimitRequestRatio)
        for name in sorted({name for column in columns for name in column}):
            cells = [column[name].string if name in column else "-" for column in columns]
            rows.append((item.type, name, *cells))
    text.table(label, ("TYPE", "RESOURCE", "MIN", "MAX", "DEFAULT REQUEST", "DEFAULT LIMIT", "RATIO"), rows)


def describe_namespace(text: Text, obj: core.Namespace, related: Sequence[Message]) -> None:
    """Its phase, and the quotas and limit ranges that hold in it."""
    text.metadata(obj.metadata)
    text.field("Status", obj.status.phase)
    text.conditions(obj.status.conditions)
    for found in related:
        match found:
            case core.ResourceQuota():
                _used(text, f"Quota {found.metadata.name}", found)
            case core.LimitRange():
                _limits(text, f"Limit range {found.metadata.name}", found)

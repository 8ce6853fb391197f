"""The Node object of an agent that registers, from what it says and what stood there before. Pure."""

from collections.abc import Iterable

from knarr.api.conditions import condition_of, set_condition
from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import core_v1_pb2 as core

READY = "Ready"


def registered(reported: core.Node, existing: core.Node | None) -> core.Node:
    """The node's metadata and spec to be stored: the agent's labels are added, people's stay."""
    node = core.Node()
    if existing is not None:
        node.CopyFrom(existing)
    node.metadata.name = reported.metadata.name
    for key, value in reported.metadata.labels.items():
        node.metadata.labels[key] = value
    for key, value in reported.metadata.annotations.items():
        node.metadata.annotations[key] = value
    if existing is None:
        node.spec.CopyFrom(reported.spec)
    return node


def registered_status(reported: core.Node, current: core.NodeStatus, now: float) -> core.NodeStatus:
    """The status of a node whose session has just opened: what the agent found, and Ready."""
    status = core.NodeStatus()
    status.CopyFrom(reported.status)
    del status.conditions[:]
    status.conditions.extend(current.conditions)
    conditions = list(reported.status.conditions)
    if condition_of(conditions, READY) is None:
        conditions.append(
            core.NodeCondition(
                type=READY, status="True", reason="AgentReady", message="the node agent is connected"
            )
        )
    with_conditions(status, conditions, now)
    return status


def with_conditions(status: core.NodeStatus, reported: Iterable[core.NodeCondition], now: float) -> bool:
    """Bring `status.conditions` up to date in place; whether anything but the heartbeat time changed."""
    changed = False
    for condition in reported:
        before = condition_of(status.conditions, condition.type)
        told = (condition.status, condition.reason, condition.message)
        if before is not None and (before.status, before.reason, before.message) == told:
            continue
        after = set_condition(status.conditions, condition.type, *told, now)
        after.lastHeartbeatTime.CopyFrom(timestamp(now))
        changed = True
    return changed

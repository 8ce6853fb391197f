"""The Node object of an agent that registers."""

from control_plane.nodes.registration import registered, registered_status, with_conditions
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core

REPORTED = from_dict(
    {
        "metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux"}},
        "status": {"capacity": {"cpu": "2"}, "nodeInfo": {"machineID": "m1"}},
    },
    core.Node,
)
NOW = 1000.0


def test_new_node_is_as_reported() -> None:
    node = registered(REPORTED, None)
    assert node.metadata.name == "node-1"
    assert dict(node.metadata.labels) == {"kubernetes.io/os": "linux"}


def test_what_people_wrote_stays() -> None:
    existing = from_dict(
        {
            "metadata": {"name": "node-1", "labels": {"disk": "ssd", "kubernetes.io/os": "old"}},
            "spec": {"unschedulable": True, "taints": [{"key": "k", "effect": "NoSchedule"}]},
        },
        core.Node,
    )
    node = registered(REPORTED, existing)
    assert dict(node.metadata.labels) == {"disk": "ssd", "kubernetes.io/os": "linux"}
    assert node.spec == existing.spec


def test_opening_a_session_makes_the_node_ready() -> None:
    unknown = from_dict(
        {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]},
        core.NodeStatus,
    )
    status = registered_status(REPORTED, unknown, NOW)
    (ready,) = status.conditions
    assert (ready.type, ready.status, ready.reason) == ("Ready", "True", "AgentReady")
    assert ready.lastTransitionTime.seconds == int(NOW)
    assert registered_status(REPORTED, status, NOW + 60) == status


def test_condition_that_stays_keeps_its_times() -> None:
    status = registered_status(REPORTED, core.NodeStatus(), NOW)
    pressure = core.NodeCondition(type="DiskPressure", status="False", reason="Enough")
    assert with_conditions(status, [pressure], NOW + 1)
    assert not with_conditions(status, [pressure], NOW + 2)
    pressure.status = "True"
    assert with_conditions(status, [pressure], NOW + 3)
    assert status.conditions[1].lastTransitionTime.seconds == int(NOW + 3)

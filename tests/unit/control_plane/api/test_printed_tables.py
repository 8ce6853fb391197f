"""The cells of every kind's table, as kubectl prints them."""

from typing import Any

import pytest

from control_plane.api.tables.table import table
from knarr.api import codec
from knarr.api.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    EVENT,
    NAMESPACE,
    NODE,
    POD,
    PRIORITY_CLASS,
    REPLICA_SET,
    SECRET,
    SERVICE,
    Kind,
)

CREATED = "2026-01-02T03:04:05Z"
RUNNING: dict[str, Any] = {"running": {}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff"}}
DONE = {"terminated": {"reason": "Completed", "exitCode": 0}}


def cells(kind: Kind, value: dict[str, Any]) -> dict[str, str]:
    """The one row of an object, by column."""
    value = {**value, "metadata": {"name": "x", "creationTimestamp": CREATED, **value.get("metadata", {})}}
    made = table(kind, [codec.from_dict(value, kind.message)])
    (row,) = made.rows
    assert row.reference.name == value["metadata"]["name"]
    assert len(row.cells) == len(made.columns)
    return dict(zip((column.name for column in made.columns), row.cells, strict=True))


def pod(
    status: dict[str, Any], spec: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None
) -> dict[str, str]:
    wanted: dict[str, Any] = {"containers": [{"name": "a"}], **(spec or {})}
    return cells(POD, {"metadata": metadata or {}, "spec": wanted, "status": status})


def container(
    state: dict[str, Any], name: str = "a", ready: bool = False, restarts: int = 0
) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": ready, "restartCount": restarts}


TWO_INITS = {"initContainers": [{"name": "i"}, {"name": "j"}]}
SIDECAR = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}
INITIALIZED = {"type": "Initialized", "status": "True"}
POD_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str, str]]] = {
    # status, spec: ready, status, restarts
    "new": ({"phase": "Pending"}, {}, ("0/1", "Pending", "0")),
    "running": (
        {"phase": "Running", "containerStatuses": [container(RUNNING, ready=True, restarts=2)]},
        {},
        ("1/1", "Running", "2"),
    ),
    "crashing": (
        {"phase": "Running", "containerStatuses": [container(CRASHED, restarts=5)]},
        {},
        ("0/1", "CrashLoopBackOff", "5"),
    ),
    "no image": (
        {"phase": "Pending", "containerStatuses": [container({"waiting": {"reason": "ImagePullBackOff"}})]},
        {},
        ("0/1", "ImagePullBackOff", "0"),
    ),
    "completed": (
        {"phase": "Succeeded", "containerStatuses": [container(DONE)]},
        {},
        ("0/1", "Completed", "0"),
    ),
    "exit code": (
        {"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 3}})]},
        {},
        ("0/1", "ExitCode:3", "0"),
    ),
    "signal": (
        {"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 137, "signal": 9}})]},
        {},
        ("0/1", "Signal:9", "0"),
    ),
    "evicted": ({"phase": "Failed", "reason": "Evicted"}, {}, ("0/1", "Evicted", "0")),
    "one of two has ended": (
        {
            "phase": "Running",
            "containerStatuses": [container(DONE), container(RUNNING, "b", ready=True)],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
        {"containers": [{"name": "a"}, {"name": "b"}]},
        ("1/2", "Running", "0"),
    ),
    "one of two has ended, not ready": (
        {"phase": "Running", "containerStatuses": [container(DONE), container(RUNNING, "b", ready=True)]},
        {"containers": [{"name": "a"}, {"name": "b"}]},
        ("1/2", "NotReady", "0"),
    ),
    "gated": (
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
        },
        {},
        ("0/1", "SchedulingGated", "0"),
    ),
    "second init": (
        {
            "phase": "Pending",
            "initContainerStatuses": [container(DONE, "i", restarts=1), container(RUNNING, "j")],
            "containerStatuses": [container({"waiting": {"reason": "PodInitializing"}}, restarts=9)],
        },
        TWO_INITS,
        ("0/1", "Init:1/2", "1"),
    ),
    "init crashes": (
        {"phase": "Pending", "initContainerStatuses": [container(CRASHED, "i", restarts=4)]},
        TWO_INITS,
        ("0/1", "Init:CrashLoopBackOff", "4"),
    ),
    "init failed": (
        {"phase": "Failed", "initContainerStatuses": [container({"terminated": {"exitCode": 2}}, "i")]},
        TWO_INITS,
        ("0/1", "Init:ExitCode:2", "0"),
    ),
    "sidecar": (
        {
            "phase": "Running",
            "conditions": [INITIALIZED],
            "initContainerStatuses": [{**container(RUNNING, "s", ready=True, restarts=1), "started": True}],
            "containerStatuses": [container(RUNNING, ready=True, restarts=2)],
        },
        SIDECAR,
        ("2/2", "Running", "3"),
    ),
}


@pytest.mark.parametrize(("status", "spec", "wanted"), POD_CASES.values(), ids=POD_CASES)
def test_pods(status: dict[str, Any], spec: dict[str, Any], wanted: tuple[str, str, str]) -> None:
    row = pod(status, spec)
    assert (row["Ready"], row["Status"], row["Restarts"]) == wanted


def test_pods_on_their_way_out() -> None:
    deleting = {"deletionTimestamp": CREATED}
    assert pod({"phase": "Running"}, metadata=deleting)["Status"] == "Terminating"
    assert pod({"phase": "Running", "reason": "NodeLost"}, metadata=deleting)["Status"] == "Unknown"
    assert pod({"phase": "Failed", "reason": "Evicted"}, metadata=deleting)["Status"] == "Evicted"


def test_wide_pods() -> None:
    spec: dict[str, Any] = {
        "nodeName": "n1",
        "readinessGates": [{"conditionType": "a/b"}, {"conditionType": "c/d"}],
    }
    status: dict[str, Any] = {
        "podIP": "10.0.0.1",
        "nominatedNodeName": "n2",
        "conditions": [{"type": "a/b", "status": "True"}],
    }
    row = pod(status, spec)
    assert [row[name] for name in ("Age", "IP", "Node", "Nominated Node", "Readiness Gates")] == [
        CREATED,
        "10.0.0.1",
        "n1",
        "n2",
        "1/2",
    ]
    bare = pod({})
    assert [bare[name] for name in ("IP", "Node", "Nominated Node", "Readiness Gates")] == ["<none>"] * 4


def node(**changes: Any) -> dict[str, str]:
    return cells(NODE, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, **changes})


def test_nodes() -> None:
    assert node()["Status"] == "Ready"
    assert node(spec={"unschedulable": True})["Status"] == "Ready,SchedulingDisabled"
    assert node(status={"conditions": [{"type": "Ready", "status": "Unknown"}]})["Status"] == "NotReady"
    assert node(status={})["Status"] == "Unknown"
    labels = {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}
    assert node(metadata={"labels": labels})["Roles"] == "edge,worker"
    assert node()["Roles"] == "<none>"
    row = node(
        status={
            "addresses": [{"type": "InternalIP", "address": "10.0.0.9"}],
            "nodeInfo": {
                "kubeletVersion": "v1",
                "osImage": "Debian",
                "containerRuntimeVersion": "docker://20",
            },
        }
    )
    assert (row["Version"], row["Internal-IP"], row["External-IP"]) == ("v1", "10.0.0.9", "<none>")
    assert (row["OS-Image"], row["Kernel-Version"], row["Container-Runtime"]) == (
        "Debian",
        "<unknown>",
        "docker://20",
    )


def test_workloads() -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    status = {"replicas": 4, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}
    assert cells(DEPLOYMENT, {"spec": spec, "status": status}) == {
        "Name": "x",
        "Ready": "2/3",
        "Up-to-date": "1",
        "Available": "2",
        "Age": CREATED,
        "Containers": "a,b",
        "Images": "i:1,j:2",
        "Selector": "app=web",
    }
    row = cells(REPLICA_SET, {"spec": spec, "status": {"replicas": 4, "readyReplicas": 2}})
    assert (row["Desired"], row["Current"], row["Ready"]) == ("3", "4", "2")


SERVICE_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str, str]]] = {
    "cluster": (
        {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": [{"port": 80}]},
        {},
        ("10.96.0.1", "<none>", "80/TCP"),
    ),
    "node port": (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]},
        {},
        ("<none>", "<none>", "80:30080/TCP,53/UDP"),
    ),
    "external name": (
        {"type": "ExternalName", "externalName": "a.example"},
        {},
        ("<none>", "a.example", "<none>"),
    ),
    "balancer to come": ({"type": "LoadBalancer"}, {}, ("<none>", "<pending>", "<none>")),
    "balancer": (
        {"type": "LoadBalancer", "externalIPs": ["1.2.3.4"]},
        {"loadBalancer": {"ingress": [{"ip": "5.6.7.8"}, {"hostname": "h"}]}},
        ("<none>", "5.6.7.8,h,1.2.3.4", "<none>"),
    ),
}


@pytest.mark.parametrize(("spec", "status", "wanted"), SERVICE_CASES.values(), ids=SERVICE_CASES)
def test_services(spec: dict[str, Any], status: dict[str, Any], wanted: tuple[str, str, str]) -> None:
    row = cells(SERVICE, {"spec": {**spec, "selector": {"b": "2", "a": "1"}}, "status": status})
    assert (row["Cluster-IP"], row["External-IP"], row["Port(s)"]) == wanted
    assert (row["Type"], row["Selector"]) == (spec["type"], "a=1,b=2")


def test_the_rest() -> None:
    assert cells(NAMESPACE, {"status": {"phase": "Active"}})["Status"] == "Active"
    assert cells(CONFIG_MAP, {"data": {"a": "1"}, "binaryData": {"b": "AA=="}})["Data"] == "2"
    row = cells(SECRET, {"type": "Opaque", "data": {"a": "AA=="}})
    assert (row["Type"], row["Data"]) == ("Opaque", "1")
    priority = cells(PRIORITY_CLASS, {"value": 7, "globalDefault": True, "preemptionPolicy": "Never"})
    assert (priority["Value"], priority["Global-Default"], priority["PreemptionPolicy"]) == (
        "7",
        "true",
        "Never",
    )


def test_events_have_their_own_first_column() -> None:
    row = cells(
        EVENT,
        {
            "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
            "reason": "Pulled",
            "message": " done\n",
            "type": "Normal",
            "source": {"component": "agent", "host": "n1"},
            "firstTimestamp": CREATED,
            "lastTimestamp": "2026-01-02T03:05:05Z",
            "count": 4,
        },
    )
    assert row == {
        "Last Seen": "2026-01-02T03:05:05Z",
        "Type": "Normal",
        "Reason": "Pulled",
        "Object": "pod/web",
        "Subobject": "spec.containers{a}",
        "Source": "agent, n1",
        "Message": "done",
        "First Seen": CREATED,
        "Count": "4",
        "Name": "x",
    }


def test_a_table_without_its_header() -> None:
    assert not table(POD, [], header=False).columns
    assert len(table(POD, []).columns) == 9

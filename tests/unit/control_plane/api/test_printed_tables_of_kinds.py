"""The tables of the kinds beside pods, nodes and configuration, cell by cell, as kubectl prints them."""

from typing import Any

import pytest

from control_plane.api.tables.table import table
from knarr.api import codec, kinds
from knarr.api.kinds import KINDS, Kind

CREATED = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:05:40Z"
CONTAINERS = [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": CONTAINERS}}
LABELS = {"matchLabels": {"app": "x"}}
BY_TEMPLATE = {"Containers": "a,b", "Images": "i:1,j:2"}
SELECTED = {**BY_TEMPLATE, "Selector": "app=x"}


def cells(kind: Kind, value: dict[str, Any]) -> dict[str, str]:
    """The one row of an object, by column."""
    value = {**value, "metadata": {"name": "x", "creationTimestamp": CREATED, **value.get("metadata", {})}}
    made = table(kind, [codec.from_dict(value, kind.message)])
    (row,) = made.rows
    return dict(zip((column.name for column in made.columns), row.cells, strict=True))


CASES: list[tuple[Kind, dict[str, Any], dict[str, str]]] = [
    (
        kinds.STATEFUL_SET,
        {"spec": {"replicas": 3, "template": TEMPLATE}, "status": {"readyReplicas": 2}},
        {"Ready": "2/3", **BY_TEMPLATE},
    ),
    (
        kinds.DAEMON_SET,
        {
            "spec": {
                "selector": LABELS,
                "template": {"spec": {"containers": CONTAINERS, "nodeSelector": {"b": "2", "a": "1"}}},
            },
            "status": {
                "desiredNumberScheduled": 5,
                "currentNumberScheduled": 4,
                "numberReady": 3,
                "updatedNumberScheduled": 2,
                "numberAvailable": 1,
            },
        },
        {
            "Desired": "5",
            "Current": "4",
            "Ready": "3",
            "Up-to-date": "2",
            "Available": "1",
            "Node Selector": "a=1,b=2",
            **SELECTED,
        },
    ),
    (
        kinds.REPLICATION_CONTROLLER,
        {
            "spec": {"replicas": 3, "selector": {"app": "x"}, "template": TEMPLATE},
            "status": {"replicas": 2, "readyReplicas": 1},
        },
        {"Desired": "3", "Current": "2", "Ready": "1", **SELECTED},
    ),
    (
        kinds.CONTROLLER_REVISION,
        {
            "metadata": {
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "StatefulSet",
                        "name": "db",
                        "uid": "u",
                        "controller": True,
                    }
                ]
            },
            "revision": 7,
        },
        {"Controller": "statefulset.apps/db", "Revision": "7"},
    ),
    (kinds.CONTROLLER_REVISION, {"revision": 1}, {"Controller": "<none>", "Revision": "1"}),
    (
        kinds.CRON_JOB,
        {
            "spec": {
                "schedule": "*/5 * * * *",
                "timeZone": "Europe/Oslo",
                "suspend": False,
                "jobTemplate": {"spec": {"template": TEMPLATE}},
            },
            "status": {"active": [{"name": "x-1"}], "lastScheduleTime": LATER},
        },
        {
            "Schedule": "*/5 * * * *",
            "Timezone": "Europe/Oslo",
            "Suspend": "False",
            "Active": "1",
            "Last Schedule": LATER,
            **BY_TEMPLATE,
            "Selector": "<none>",
        },
    ),
    (
        kinds.CRON_JOB,
        {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": TEMPLATE}}}},
        {
            "Schedule": "@daily",
            "Timezone": "<none>",
            "Suspend": "<unset>",
            "Active": "0",
            "Last Schedule": "<none>",
            **BY_TEMPLATE,
            "Selector": "<none>",
        },
    ),
    (
        kinds.POD_DISRUPTION_BUDGET,
        {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 2}},
        {"Min Available": "50%", "Max Unavailable": "N/A", "Allowed Disruptions": "2"},
    ),
    (
        kinds.POD_DISRUPTION_BUDGET,
        {"spec": {"maxUnavailable": 0}},
        {"Min Available": "N/A", "Max Unavailable": "0", "Allowed Disruptions": "0"},
    ),
    (
        kinds.INGRESS,
        {
            "spec": {
                "ingressClassName": "nginx",
                "tls": [{}],
                "rules": [{"host": "a"}, {}, {"host": "b"}, {"host": "c"}, {"host": "d"}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.2"}, {"hostname": "lb"}]}},
        },
        {"Class": "nginx", "Hosts": "a,b,c + 2 more...", "Address": "10.0.0.2,lb", "Ports": "80, 443"},
    ),
    (
        kinds.INGRESS,
        {"spec": {"rules": [{}]}},
        {"Class": "<none>", "Hosts": "*", "Address": "", "Ports": "80"},
    ),
    (
        kinds.INGRESS_CLASS,
        {"spec": {"controller": "e/c", "parameters": {"apiGroup": "g", "kind": "P", "name": "p"}}},
        {"Controller": "e/c", "Parameters": "P.g/p"},
    ),
    (kinds.INGRESS_CLASS, {"spec": {"controller": "e/c"}}, {"Controller": "e/c", "Parameters": "<none>"}),
    (kinds.NETWORK_POLICY, {"spec": {"podSelector": LABELS}}, {"Pod-Selector": "app=x"}),
    (kinds.NETWORK_POLICY, {"spec": {"podSelector": {}}}, {"Pod-Selector": "<none>"}),
    (
        kinds.ROLE_BINDING,
        {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [
                {"kind": "User", "name": "ann"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
                {"kind": "User", "name": "bo"},
                {"kind": "Group", "name": "ops"},
            ],
        },
        {"Role": "Role/r", "Users": "ann, bo", "Groups": "ops", "ServiceAccounts": "n/s"},
    ),
    (
        kinds.CLUSTER_ROLE_BINDING,
        {"roleRef": {"kind": "ClusterRole", "name": "r"}},
        {"Role": "ClusterRole/r", "Users": "", "Groups": "", "ServiceAccounts": ""},
    ),
    (kinds.LEASE, {"spec": {"holderIdentity": "me"}}, {"Holder": "me"}),
    (
        kinds.ENDPOINT_SLICE,
        {
            "addressType": "IPv4",
            "ports": [{"port": 80}, {"name": "http"}, {}, {"port": 81}],
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
        },
        {"AddressType": "IPv4", "Ports": "80,http,* + 1 more...", "Endpoints": "10.0.0.1,10.0.0.2"},
    ),
    (
        kinds.ENDPOINT_SLICE,
        {"addressType": "IPv6"},
        {"AddressType": "IPv6", "Ports": "<unset>", "Endpoints": "<unset>"},
    ),
    (
        kinds.ENDPOINTS,
        {
            "subsets": [
                {"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]}
            ]
        },
        {"Endpoints": "10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more..."},
    ),
    (kinds.ENDPOINTS, {"subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}, {"Endpoints": "10.0.0.1"}),
    (kinds.ENDPOINTS, {}, {"Endpoints": "<none>"}),
    (kinds.SERVICE_ACCOUNT, {"secrets": [{"name": "s"}]}, {"Secrets": "1"}),
    (
        kinds.PERSISTENT_VOLUME,
        {
            "spec": {
                "capacity": {"storage": "5Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "n", "name": "c"},
                "storageClassName": "fast",
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Bound", "reason": "R"},
        },
        {
            "Capacity": "5Gi",
            "Access Modes": "RWO,RWX",
            "Reclaim Policy": "Retain",
            "Status": "Bound",
            "Claim": "n/c",
            "StorageClass": "fast",
            "VolumeAttributesClass": "<unset>",
            "Reason": "R",
            "VolumeMode": "Filesystem",
        },
    ),
    (
        kinds.PERSISTENT_VOLUME_CLAIM,
        {
            "spec": {"volumeName": "v", "storageClassName": "slow", "volumeAttributesClassName": "gold"},
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "1Gi"}},
        },
        {
            "Status": "Bound",
            "Volume": "v",
            "Capacity": "1Gi",
            "Access Modes": "RWOP",
            "StorageClass": "slow",
            "VolumeAttributesClass": "gold",
            "VolumeMode": "<unset>",
        },
    ),
    (
        kinds.PERSISTENT_VOLUME_CLAIM,
        {
            "metadata": {
                "deletionTimestamp": CREATED,
                "annotations": {"volume.beta.kubernetes.io/storage-class": "old"},
            },
            "spec": {"accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Pending"},
        },
        {
            "Status": "Terminating",
            "Volume": "",
            "Capacity": "",
            "Access Modes": "",
            "StorageClass": "old",
            "VolumeAttributesClass": "<unset>",
            "VolumeMode": "<unset>",
        },
    ),
    (
        kinds.STORAGE_CLASS,
        {
            "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "e/p",
            "allowVolumeExpansion": True,
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        {
            "Name": "x (default)",
            "Provisioner": "e/p",
            "ReclaimPolicy": "Delete",
            "VolumeBindingMode": "WaitForFirstConsumer",
            "AllowVolumeExpansion": "true",
        },
    ),
    (
        kinds.RESOURCE_QUOTA,
        {"status": {"hard": {"pods": "10", "cpu": "4", "limits.cpu": "8"}, "used": {"pods": "3"}}},
        {"Request": "cpu: 0/4, pods: 3/10", "Limit": "limits.cpu: 0/8"},
    ),
]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    CASES,
    ids=[f"{kind}-{number}" for number, (kind, _, _) in enumerate(CASES)],
)
def test_the_rows_of_kinds(kind: Kind, value: dict[str, Any], wanted: dict[str, str]) -> None:
    assert cells(kind, value) == {"Name": "x", "Age": CREATED, **wanted}


def test_pod_templates_have_no_age() -> None:
    row = cells(kinds.POD_TEMPLATE, {"template": TEMPLATE})
    assert row == {"Name": "x", **BY_TEMPLATE, "Pod Labels": "app=x"}


@pytest.mark.parametrize("kind", [kinds.ROLE, kinds.CLUSTER_ROLE, kinds.LIMIT_RANGE], ids=str)
def test_kinds_without_a_table_of_their_own_tell_when_they_were_made(kind: Kind) -> None:
    assert cells(kind, {}) == {"Name": "x", "Created At": CREATED}


def test_restarts_tell_when_the_last_was() -> None:
    def container(name: str, finished: str) -> dict[str, Any]:
        last = {"terminated": {"finishedAt": finished}} if finished else {}
        return {"name": name, "restartCount": 2, "lastState": last, "state": {"running": {}}}

    spec = {"containers": CONTAINERS}
    statuses = [container("a", LATER), container("b", CREATED)]
    row = cells(kinds.POD, {"spec": spec, "status": {"containerStatuses": statuses}})
    assert row["Restarts"] == f"4 ({LATER} ago)"
    statuses = [container("a", ""), container("b", "")]
    assert cells(kinds.POD, {"spec": spec, "status": {"containerStatuses": statuses}})["Restarts"] == "4"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_object_with_nothing_in_it_has_a_row(kind: Kind) -> None:
    made = table(kind, [kind.message()])
    assert [len(row.cells) for row in made.rows] == [len(made.columns)]

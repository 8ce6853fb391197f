"""What scheduling depends on, kind by kind: nothing else is recorded. Environment, commands and annotations
never leave the cluster. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.api.kinds import (
    NAMESPACE,
    NODE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    POD_GROUP,
    PRIORITY_CLASS,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    SERVICE,
    STATEFUL_SET,
    STORAGE_CLASS,
    Kind,
)

Fields: TypeAlias = Mapping[str, "Fields | None"]  # None: all below

_OBJECT: Final = dict.fromkeys(("name", "namespace", "uid", "labels", "creationTimestamp"))
_OWNER: Final = dict.fromkeys(("apiVersion", "kind", "name", "uid", "controller"))
_CONTAINER: Final[Fields] = {
    "name": None,
    "image": None,
    "restartPolicy": None,
    "resources": dict.fromkeys(("requests", "limits")),
    "ports": dict.fromkeys(("containerPort", "hostPort", "hostIP", "protocol")),
}
_POD: Final[Fields] = {
    "metadata": {**_OBJECT, "deletionTimestamp": None, "ownerReferences": _OWNER},
    "spec": {
        **dict.fromkeys(
            (
                "affinity",
                "nodeName",
                "nodeSelector",
                "overhead",
                "preemptionPolicy",
                "priority",
                "priorityClassName",
                "resources",
                "schedulerName",
                "schedulingGates",
                "schedulingGroup",
                "tolerations",
                "topologySpreadConstraints",
            )
        ),
        "containers": _CONTAINER,
        "initContainers": _CONTAINER,
        "volumes": {"name": None, "persistentVolumeClaim": {"claimName": None}},
    },
    "status": dict.fromkeys(("phase", "startTime", "nominatedNodeName")),
}
_SELECTING: Final[Fields] = {"metadata": _OBJECT, "spec": {"selector": None}}

# In the order in which they are recorded: what others refer to comes first.
RECORDED: Final[Mapping[Kind, Fields]] = {
    NAMESPACE: {"metadata": _OBJECT},
    PRIORITY_CLASS: {"metadata": _OBJECT, "value": None, "preemptionPolicy": None, "globalDefault": None},
    SERVICE: _SELECTING,
    REPLICATION_CONTROLLER: _SELECTING,
    REPLICA_SET: _SELECTING,
    STATEFUL_SET: _SELECTING,
    POD_DISRUPTION_BUDGET: {
        **_SELECTING,
        "status": dict.fromkeys(("disruptionsAllowed", "disruptedPods")),
    },
    POD_GROUP: {
        "metadata": _OBJECT,
        "spec": None,
        "status": {"conditions": dict.fromkeys(("type", "status"))},
    },
    STORAGE_CLASS: {"metadata": _OBJECT, **dict.fromkeys(("volumeBindingMode", "allowedTopologies"))},
    PERSISTENT_VOLUME: {
        "metadata": {**_OBJECT, "deletionTimestamp": None},
        "spec": {
            **dict.fromkeys(("accessModes", "capacity", "nodeAffinity", "storageClassName", "volumeMode")),
            "claimRef": dict.fromkeys(("namespace", "name", "uid")),
        },
        "status": {"phase": None},
    },
    PERSISTENT_VOLUME_CLAIM: {
        "metadata": {**_OBJECT, "deletionTimestamp": None},
        "spec": dict.fromkeys(
            ("accessModes", "resources", "selector", "storageClassName", "volumeMode", "volumeName")
        ),
        "status": {"phase": None},
    },
    NODE: {
        "metadata": _OBJECT,
        "spec": dict.fromkeys(("taints", "unschedulable")),
        "status": dict.fromkeys(("allocatable", "images")),
    },
    POD: _POD,
}


def reduced(kind: Kind, obj: Message) -> dict[str, Any]:
    """The object's JSON with nothing in it but what is recorded of its kind."""
    value = object_to_dict(obj)
    picked = _picked(value, RECORDED[kind])
    if kind is POD and "volumes" in picked["spec"]:
        claims = [volume for volume in picked["spec"]["volumes"] if "persistentVolumeClaim" in volume]
        picked["spec"]["volumes"] = claims
    return {"apiVersion": value["apiVersion"], "kind": value["kind"], **picked}


def _picked(value: Any, fields: Fields | None) -> Any:
    if fields is None:
        return value
    if isinstance(value, list):
        return [_picked(row, fields) for row in value]
    return {name: _picked(value[name], below) for name, below in fields.items() if name in value}

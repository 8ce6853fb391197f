"""Compares the defaults of created objects with those that a real Kubernetes API server 1.20 recorded.

Prints, per kind, agreeing / all (`-v`: and all differences), and ends with 1 when the share is below its
target. What current servers add or drop is taken out on both sides before comparing (ADDED, and the remarks
of the recording); so is what is decided by more than the object: what admission adds to pods and claims, and
addresses and node ports, which are allocated. Differences that are wanted, though the recording has no remark
on them, stand in WANTED with their reason and are counted apart.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from knarr.api.codec import object_to_dict
from tests.conformance.records import UID, create, current, kind_of, read

TARGET = 0.98
Object = dict[str, Any]
ADMITTED_TOLERATIONS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
# Fields of newer servers, by kind: paths that are removed from our answer when the recording lacks them.
ADDED = {
    "Namespace": ("metadata.labels.kubernetes~io/metadata~name",),
    "Service": (
        "spec.ipFamilies",
        "spec.ipFamilyPolicy",
        "spec.internalTrafficPolicy",
        "spec.allocateLoadBalancerNodePorts",
    ),
    # Jobs, cron jobs and autoscalers got a generation after 1.20 (registry strategies, PrepareForCreate).
    "Job": ("spec.completionMode", "spec.suspend", "spec.podReplacementPolicy", "metadata.generation"),
    "CronJob": ("spec.jobTemplate.spec.podReplacementPolicy", "metadata.generation"),
    "HorizontalPodAutoscaler": ("metadata.generation",),
    "DaemonSet": ("spec.updateStrategy.rollingUpdate.maxSurge",),
    "StatefulSet": ("spec.persistentVolumeClaimRetentionPolicy", "status.availableReplicas"),
    "Pod": ("status.observedGeneration",),
}
WANTED = {
    "spec.ttlSecondsAfterFinished": "1.20 dropped the field, which was behind a gate until 1.21",
}
ALLOCATED = "<allocated>"


def remove(obj: Any, path: str) -> None:
    """Remove the field at a dotted path, if it is there; "~" stands for a dot in a key."""
    *parents, last = (name.replace("~", ".") for name in path.split("."))
    for name in parents:
        obj = obj.get(name) if isinstance(obj, dict) else None
    if isinstance(obj, dict):
        obj.pop(last, None)


def get(obj: Any, path: str) -> Any:
    for name in path.split("."):
        name = name.replace("~", ".")
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _pod(obj: Object) -> None:
    """Without what admission adds: priority, tolerations, the service account, the token volume."""
    spec = obj["spec"]
    for name in ("priority", "preemptionPolicy", "serviceAccountName", "serviceAccount"):
        spec.pop(name, None)
    kept = [item for item in spec.get("tolerations", ()) if item.get("key") not in ADMITTED_TOLERATIONS]
    spec["tolerations"] = kept
    spec["volumes"] = [item for item in spec.get("volumes", ()) if "kube-api-access" not in item["name"]]
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        mounts = [item for item in container.get("volumeMounts", ()) if "kube-api-access" not in item["name"]]
        container["volumeMounts"] = mounts
    metadata = obj["metadata"]
    metadata.pop("generation", None)
    for key in [key for key in metadata.get("annotations", {}) if "seccomp" in key]:
        del metadata["annotations"][key]


def _claim(obj: Object) -> None:
    """Without the finalizer that admission adds."""
    finalizers = obj["metadata"].get("finalizers", [])
    obj["metadata"]["finalizers"] = [name for name in finalizers if name != "kubernetes.io/pvc-protection"]


def _service(obj: Object) -> None:
    spec = obj["spec"]
    for name in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
        if spec.get(name) in (ALLOCATED, [ALLOCATED], None):
            spec.pop(name, None)
    for port in spec.get("ports", ()):
        if port.get("nodePort") == ALLOCATED:
            del port["nodePort"]


def _job(obj: Object) -> None:
    """The selector and the labels by which it finds its pods have other names now."""
    labels = obj["metadata"].get("labels", {})
    template = obj["spec"]["template"].get("metadata", {}).get("labels", {})
    selector = (obj["spec"].get("selector") or {}).get("matchLabels", {})
    for values in (labels, template, selector):
        for key in [key for key in values if key.startswith("batch.kubernetes.io/")]:
            values.setdefault(key.partition("/")[2], values.pop(key))


def _autoscaler(obj: Object) -> None:
    """As v1 says it."""
    spec = obj["spec"]
    for metric in spec.pop("metrics", ()):
        percent = get(metric, "resource.target.averageUtilization")
        spec["targetCPUUtilizationPercentage"] = percent
    status = obj.get("status") or {}
    obj["status"] = {"currentReplicas": 0, "desiredReplicas": 0, **status}
    obj["status"].pop("currentMetrics", None)


NORMAL: dict[str, Callable[[Object], None]] = {
    "Pod": _pod,
    "PersistentVolumeClaim": _claim,
    "Service": _service,
    "Job": _job,
    "HorizontalPodAutoscaler": _autoscaler,
}


def _normalise(kind: str, obj: Object) -> None:
    if kind in NORMAL:
        NORMAL[kind](obj)


def pruned(value: Any) -> Any:
    """Without nulls and empty values, which say nothing about defaults."""
    if isinstance(value, dict):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


def ours_and_theirs(record: Object) -> tuple[Object, Object]:
    """Our object and the recorded one, in a form in which they can be compared."""
    kind = kind_of(record["kind"])
    answer = create(kind, current(record["input"]), "<namespace>".strip("<>"))
    if answer.obj is None:
        return {"refused": [f"{cause.field}: {cause.message}" for cause in answer.causes]}, {}
    ours = object_to_dict(answer.obj)
    theirs = json.loads(
        json.dumps(record["created"]).replace("<uid>", UID).replace("<namespace>", "namespace")
    )
    if theirs["metadata"]["name"] == "<generated>":
        theirs["metadata"]["name"] = ours["metadata"]["name"]
    for name in ("uid", "creationTimestamp", "managedFields", "resourceVersion"):
        ours["metadata"].pop(name, None)
    for obj in (ours, theirs):
        obj.pop("apiVersion", None)
        _normalise(kind.name, obj)
    for path in ADDED.get(kind.name, ()):
        if get(theirs, path) is None:
            remove(ours, path)
    return pruned(ours), pruned(theirs)


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in sorted({*ours, *theirs}):
            found += differences(ours.get(key), theirs.get(key), f"{path}.{key}" if path else key)
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            text
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for text in differences(one, other, f"{path}[{index}]")
        ]
    return [] if ours == theirs else [f"{path}: ours {ours!r}, recorded {theirs!r}"]


def main(verbose: bool) -> int:
    agreeing: Counter[str] = Counter()
    total: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    different: list[str] = []
    wanted = 0
    for record in read("defaulting.jsonl.gz"):
        if record.get("setup"):
            elsewhere[record["kind"]] += 1
            continue
        total[record["kind"]] += 1
        found = differences(*ours_and_theirs(record))
        if found:
            wanted += all(text.partition(":")[0] in WANTED for text in found)
            different.append(f"{record['id']} {record['kind']}: {'; '.join(found)}")
        else:
            agreeing[record["kind"]] += 1
    for kind in sorted(total):
        print(f"{kind:26} {agreeing[kind]:4}/{total[kind]}")
    share = agreeing.total() / total.total()
    print(f"{'all':26} {agreeing.total():4}/{total.total()} ({share:.1%})")
    print(f"of those that differ, wanted: {wanted} ({WANTED})")
    print(f"with LimitRanges, which admission applies: {elsewhere.total()} ({dict(elsewhere)})")
    if verbose:
        print("\n".join(different))
    return 0 if agreeing.total() + wanted >= TARGET * total.total() else 1


if __name__ == "__main__":
    sys.exit(main("-v" in sys.argv[1:]))

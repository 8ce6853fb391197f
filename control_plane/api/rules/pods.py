"""Rules and defaults of pods: what goes beyond their spec, and what may change in a running one.

Source: Kubernetes' pkg/apis/core/validation (ValidatePodCreate, ValidatePodUpdate) and core/v1/defaults.go.
"""

from collections.abc import Sequence
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN, INT32_MAX, within
from control_plane.api.rules.containers import containers_of
from control_plane.api.rules.engine import Causes, Table, UpdateRule
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.podspec import POD_SPEC, POD_TEMPLATE
from control_plane.api.rules.resources import requests_from_limits
from control_plane.api.rules.rows import default_by, into, on_update, whole
from knarr.proto.kubernetes import core_v1_pb2 as core

CHANGEABLE: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def _fill_pod(pod: Any) -> None:
    spec = pod.spec
    for container in (*spec.containers, *spec.initContainers):
        requests_from_limits(container)
    if not spec.HasField("enableServiceLinks"):
        spec.enableServiceLinks = True


def _check_images(pod: Any, path: str, causes: Causes) -> None:
    for field, index, container in containers_of(pod.spec):
        image = container.image
        if image != image.strip():
            why = "must not have leading or trailing whitespace"
            causes.append(say.invalid(f"{path}.{field}[{index}].image", image, why))


def _check_no_ephemeral(pod: Any, path: str, causes: Causes) -> None:
    if pod.spec.ephemeralContainers:
        causes.append(say.forbidden("spec.ephemeralContainers", "cannot be set on create"))


def _check_gated_node(pod: Any, path: str, causes: Causes) -> None:
    if pod.spec.schedulingGates and pod.spec.nodeName:
        why = "cannot be set until all schedulingGates have been cleared"
        causes.append(say.forbidden(path, why))


def _fill_status(pod: Any) -> None:
    if not pod.status.phase:
        pod.status.phase = "Pending"


POD: Final = Table(
    core.Pod,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into("spec", POD_SPEC),
        whole("images have no spaces around them", _check_images, at="spec"),
        whole("no nodeName while there are scheduling gates", _check_gated_node, at="spec.nodeName"),
    ),
    defaults=(
        default_by(
            "spec",
            _fill_pod,
            "requests are the limits and enableServiceLinks is true, where they are absent",
        ),
        default_by("status", _fill_status, "phase Pending"),
    ),
)


def _check_same_containers(new: Any, old: Any, path: str, causes: Causes) -> bool:
    same = True
    for field in ("containers", "initContainers"):
        if len(getattr(new.spec, field)) != len(getattr(old.spec, field)):
            causes.append(say.forbidden(f"spec.{field}", "pod updates may not add or remove containers"))
            same = False
    return same


def _check_deadline(new: Any, old: Any, causes: Causes) -> None:
    here = "spec.activeDeadlineSeconds"
    if new.spec.HasField("activeDeadlineSeconds"):
        value = new.spec.activeDeadlineSeconds
        if not 0 <= value <= INT32_MAX:
            causes.append(say.invalid(here, value, within(0, INT32_MAX)))
        elif old.spec.HasField("activeDeadlineSeconds") and old.spec.activeDeadlineSeconds < value:
            causes.append(say.invalid(here, value, "must be less than or equal to previous value"))
    elif old.spec.HasField("activeDeadlineSeconds"):
        causes.append(say.invalid(here, None, "must not update from a positive integer to nil value"))


def _without_seconds(toleration: Any) -> bytes:
    copy = core.Toleration()
    copy.CopyFrom(toleration)
    copy.ClearField("tolerationSeconds")
    return copy.SerializeToString(deterministic=True)


def _check_only_added_tolerations(new: Sequence[Any], old: Sequence[Any], causes: Causes) -> None:
    kept = {_without_seconds(toleration) for toleration in new}
    if any(_without_seconds(toleration) not in kept for toleration in old):
        why = "existing toleration can not be modified except its tolerationSeconds"
        causes.append(say.forbidden("spec.tolerations", why))


def _check_gates_only_removed(new: Any, old: Any, causes: Causes) -> None:
    before = {gate.name for gate in old.spec.schedulingGates}
    added = [gate.name for gate in new.spec.schedulingGates if gate.name not in before]
    if added:
        why = f"only deletion is allowed, but found new scheduling gates '{', '.join(added)}'"
        causes.append(say.forbidden("spec.schedulingGates", why))


def _node_selector_narrowed(new: Any, old: Any) -> bool:
    return all(new.nodeSelector.get(key) == value for key, value in old.nodeSelector.items())


_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def _terms(spec: Any) -> Sequence[Any]:
    required: Any = getattr(spec.affinity.nodeAffinity, _REQUIRED)
    terms: Sequence[Any] = required.nodeSelectorTerms
    return terms


def _affinity_narrowed(new: Any, old: Any) -> bool:
    """Each required term keeps all its requirements and may gain some; without terms any may be set."""
    before, after = _terms(old), _terms(new)
    if not before:
        return True
    return len(before) == len(after) and all(
        all(item in later.matchExpressions for item in earlier.matchExpressions)
        and all(item in later.matchFields for item in earlier.matchFields)
        for earlier, later in zip(before, after, strict=True)
    )


def _take_over_placement(munged: Any, old: Any, causes: Causes) -> None:
    """A gated pod's node selector and node affinity may become narrower."""
    if _node_selector_narrowed(munged, old):
        munged.nodeSelector.clear()
        munged.nodeSelector.update(old.nodeSelector)
    else:
        why = "only additions are allowed (no mutations or deletions)"
        causes.append(say.invalid("spec.nodeSelector", dict(munged.nodeSelector), why))
    if munged.affinity.nodeAffinity == old.affinity.nodeAffinity:
        return
    if not _affinity_narrowed(munged, old):
        path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
        why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        causes.append(say.invalid(path, len(_terms(munged)), why))
    if old.HasField("affinity"):
        munged.affinity.nodeAffinity.CopyFrom(old.affinity.nodeAffinity)
        if not old.affinity.HasField("nodeAffinity"):
            munged.affinity.ClearField("nodeAffinity")
    else:
        munged.affinity.ClearField("nodeAffinity")
        if not munged.affinity.ListFields():
            munged.ClearField("affinity")


def _munged(new: Any, old: Any) -> Any:
    """The new spec with every field that may change set back to what it was."""
    spec = core.PodSpec()
    spec.CopyFrom(new.spec)
    before = old.spec
    for field in ("containers", "initContainers"):
        for container, previous in zip(getattr(spec, field), getattr(before, field), strict=True):
            container.image = previous.image
    if before.HasField("activeDeadlineSeconds"):
        spec.activeDeadlineSeconds = before.activeDeadlineSeconds
    else:
        spec.ClearField("activeDeadlineSeconds")
    del spec.tolerations[:]
    spec.tolerations.extend(before.tolerations)
    del spec.schedulingGates[:]
    spec.schedulingGates.extend(before.schedulingGates)
    if spec.terminationGracePeriodSeconds == 1 and before.terminationGracePeriodSeconds < 0:
        spec.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds
    return spec


def _check_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    if not _check_same_containers(new, old, path, causes):
        return
    _check_deadline(new, old, causes)
    _check_only_added_tolerations(new.spec.tolerations, old.spec.tolerations, causes)
    _check_gates_only_removed(new, old, causes)
    munged = _munged(new, old)
    if old.spec.schedulingGates:
        _take_over_placement(munged, old.spec, causes)
    if munged != old.spec:
        causes.append(say.forbidden("spec", CHANGEABLE))


POD_UPDATE: Final[tuple[UpdateRule, ...]] = (
    on_update(
        "only images, activeDeadlineSeconds, tolerations and scheduling gates may change",
        _check_update,
        "spec",
    ),
)


def _check_status(new: Any, old: Any, path: str, causes: Causes) -> None:
    if new.spec.nodeName != old.spec.nodeName:
        why = "may not be changed directly"
        causes.append(say.forbidden("status.nodeName", why))
    if new.status.nominatedNodeName and old.status.nominatedNodeName != new.status.nominatedNodeName:
        DNS_SUBDOMAIN.check(new.status.nominatedNodeName, "status.nominatedNodeName", causes)


RULES: Final = (
    ObjectRules(
        POD,
        create=(whole("a new pod has no ephemeral containers", _check_no_ephemeral),),
        update=POD_UPDATE,
        status=(on_update("the node is not part of status", _check_status, "status"),),
    ),
    ObjectRules(
        Table(
            core.PodTemplate,
            rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("template", POD_TEMPLATE)),
        )
    ),
)

"""The differences from the recording that are as they should be, in one list, each with its reason.

The recording is of Kubernetes 1.20; the norm is current Kubernetes. Where the recording's own README or the
caveat of a record says that newer servers answer otherwise, the difference is covered, and counts as
agreeing. All others count as disagreeing, however good the reason. Nothing here looks at the id of a record.
"""

import json
import re
from typing import Any, Final

from tests.conformance.cases import Case, Difference, Explains, Wanted

CAVEAT: Final = "caveat"
# Of one answer, these follow from others: an accepted apply changes the object, a new owner its version.
_FOLLOWING: Final = ("code", "reason", "message", "changed", "generation")


def _remark(text: str, reason: str) -> Wanted:
    """Any difference of a case with this remark of the recording."""
    return Wanted(reason, CAVEAT, lambda case, difference: text in case.caveat)


def _about(pattern: str, *aspects: str) -> Explains:
    """Differences of these aspects whose path matches, and what follows from them."""
    matches = re.compile(pattern).search

    def is_cause(difference: Difference) -> bool:
        return difference.aspect in aspects and bool(matches(difference.path))

    def explains(case: Case, difference: Difference) -> bool:
        conflicts = [each for each in case.differences if each.aspect == "conflict"]
        if any(each.aspect == "code" for each in case.differences) and conflicts:
            # One of the two refused: all else of the case comes of that.
            return all(map(is_cause, conflicts))
        if difference.aspect in _FOLLOWING:
            leading = [each for each in case.differences if each.aspect not in _FOLLOWING]
            return bool(leading) and all(map(is_cause, leading))
        return is_cause(difference)

    return explains


# validation


def _label_selector_named(case: Case, difference: Difference) -> bool:
    """The causes are alike but for the name of the label selector in their paths."""
    theirs = {
        each.path.replace(".matchExpressions.match", ".labelSelector.match")
        for each in case.differences
        if each.recorded is not None
    }
    return theirs == {each.path for each in case.differences if each.ours is not None}


def _of_stateful_template(case: Case, difference: Difference) -> bool:
    """All that we say more is about the pods of a StatefulSet."""
    if case.record["kind"] != "StatefulSet":
        return False
    causes = [each for each in case.differences if each.aspect == "cause"]
    return bool(causes) and all(
        each.recorded is None and each.path.startswith("spec.template.spec.") for each in causes
    )


# Of kinds, fields that 1.20 did not know or had behind a gate: it drops them.
_UNKNOWN_TO_1_20: Final = {
    "Job": ("ttlSecondsAfterFinished", "completionMode", "suspend"),
    "CronJob": ("ttlSecondsAfterFinished", "completionMode", "suspend", "timeZone"),
    "StatefulSet": ("minReadySeconds", "persistentVolumeClaimRetentionPolicy", "ordinals"),
}


def _unknown_to_1_20(case: Case, difference: Difference) -> bool:
    """The request has a field that 1.20 dropped, and all that differs is about that field."""
    fields = _UNKNOWN_TO_1_20.get(case.record["kind"] or "", ())
    sent = [name for name in fields if f'"{name}"' in json.dumps(case.record["input"])]
    leading = [each for each in case.differences if each.aspect in ("cause", "object")]
    ours = [each for each in leading if each.ours is not None]
    return bool(sent) and bool(ours) and all(each.path.rpartition(".")[2] in sent for each in ours)


def _only(aspect: str, path: str) -> Explains:
    """All causes, or parts of the object, in which a case differs are at a path."""

    def explains(case: Case, difference: Difference) -> bool:
        leading = [each for each in case.differences if each.aspect == aspect]
        return bool(leading) and all(re.search(path, each.path) for each in leading)

    return explains


def _aspect(name: str) -> Explains:
    return lambda case, difference: difference.aspect == name


def _admitted_first(case: Case, difference: Difference) -> bool:
    """1.20 refused for what is missing in the cluster before it looked at the object itself."""
    return case.record["code"] == 403 and any(
        each.aspect == "code" and each.ours == 422 for each in case.differences
    )


def _uid_label_sent(case: Case, difference: Difference) -> bool:
    """A Job's template has a uid label of its own, which is refused; the selector asks for another now."""
    if case.record["kind"] != "Job" or difference.ours is not None:
        return False
    return difference.path == "spec.template.metadata.labels" and '"controller-uid"' in json.dumps(
        case.record["input"]["spec"]["template"]
    )


_UNKNOWN_FIELDS: Final = Wanted(
    "the field is newer than 1.20, which drops it",
    'README: "1.20 drops unknown fields without a warning"; not covered are "fields newer than 1.20"',
    _unknown_to_1_20,
)
_VALIDATION: Final = (
    _remark("field or value not known to 1.20", "current Kubernetes knows the field or value"),
    _remark("newer servers (1.32+ by default) accept nearly", "names of environment variables are free"),
    _remark("newer servers refuse them on create", "ephemeral containers are refused on create"),
    _remark("newer versions spell this path in lowerCamelCase", "the path is spelt as the field is"),
    _remark("restartPolicy of an init container is unknown to 1.20", "sidecars are known"),
    _remark("ProcMountType was an alpha gate", "procMount is known"),
    _remark("IP family fields are behind an alpha gate", "IP families are known"),
    _remark("newer versions allow more StatefulSet spec fields", "more of a StatefulSet may change"),
    _UNKNOWN_FIELDS,
    Wanted("the pods of a StatefulSet are validated since 1.34", "", _of_stateful_template),
    Wanted("the label selector of an affinity term is named in the path", "", _label_selector_named),
    Wanted("32 search paths are allowed since 1.26", "", _only("cause", r"\.dnsConfig\.searches$")),
    Wanted(
        "traffic policies are checked together with the rest since 1.26",
        "",
        _only("cause", r"^spec\.externalTrafficPolicy$"),
    ),
    Wanted(
        "autoscalers count their generation now, so that one which is sent is replaced, not checked",
        "",
        _only("cause", r"^metadata\.generation$"),
    ),
    Wanted(
        "an object that is wrong by itself is refused for that first",
        'README: "A few validation records rest on the admission order of 1.20"',
        _admitted_first,
    ),
    Wanted(
        "a generated selector asks for the label batch.kubernetes.io/controller-uid",
        'README: "labels `batch.kubernetes.io/controller-uid` … (and the selector uses the first)"',
        _uid_label_sent,
    ),
    Wanted("ObjectService has a type that cannot say this", "", _aspect("request")),
)

# defaulting

_DEFAULTING: Final = (_UNKNOWN_FIELDS,)

# patches


def _patch_has(pattern: str) -> Explains:
    matches = re.compile(pattern).search
    return lambda case, difference: bool(matches(json.dumps(case.record["patch"])))


def _deletes_in_new_list(case: Case, difference: Difference) -> bool:
    return '"$patch": "delete"' in json.dumps(case.record["patch"]) and difference.ours is None


def _sets_status(case: Case, difference: Difference) -> bool:
    patch = case.record["patch"]
    return isinstance(patch, dict) and "status" in patch and difference.aspect == "changed"


_PATCHES: Final = (
    Wanted(
        "a patch of the object that has nothing but status changes nothing, not even owners",
        'README: newer servers reset "`status` in an apply to the main resource"',
        _sets_status,
    ),
    Wanted(
        "what is to be deleted from a list that is not merged goes; 1.20 puts it in place of the list",
        "",
        _patch_has(r"\$deleteFromPrimitiveList"),
    ),
    Wanted(
        "what is to be deleted from a list that is not there yet stays away; 1.20 adds it",
        "",
        _deletes_in_new_list,
    ),
    Wanted(
        "1.20 converts from versions that are served no more; Knarr refuses them",
        "",
        _patch_has(r'^\{"apiVersion"'),
    ),
    Wanted(
        "the address of a service that is patched away is put back, as since 1.22",
        "",
        _patch_has(r'"clusterIP": ""'),
    ),
)

# apply

_ATOMIC: Final = (
    r"(\.|^)(nodeSelector|spec\.selector|scopeSelector|roleRef|scaleTargetRef|claimRef|targetRef"
    r"|\w+KeyRef|fieldRef|resourceFieldRef|secretRef|configMapRef|nodeSelectorTerms)(\.|\[|$)"
)
_OWNERS: Final = ("owner", "conflict", "object")


def _empty_applied(case: Case, difference: Difference) -> bool:
    """We own an object that is applied as {}."""
    if difference.aspect == "changed":
        return any(_empty_applied(case, each) for each in case.differences if each.aspect == "owner")
    if difference.aspect != "owner" or difference.recorded is not None:
        return False
    name = re.escape(difference.path.rpartition(".")[2])
    return bool(re.search(rf'"{name}": \{{\}}', json.dumps(case.step["body"])))


def _lower_camel_case(case: Case, difference: Difference) -> bool:
    """The causes are alike but for the case of a letter."""
    causes = [each for each in case.differences if each.aspect == "cause"]
    theirs = {each.path.lower() for each in causes if each.recorded is not None}
    return bool(causes) and theirs == {each.path.lower() for each in causes if each.ours is not None}


def _null_in_patch(case: Case, difference: Difference) -> bool:
    """A patch has null for a key of a map that is not there."""
    return case.step["op"] == "patch" and ": null" in json.dumps(case.step["body"])


def _of_subresource(name: str, *aspects: str) -> Explains:
    def explains(case: Case, difference: Difference) -> bool:
        said: Any = (difference.ours, difference.recorded)
        return difference.aspect in aspects and (
            case.step.get("subresource") == name or f'subresource "{name}"' in str(said)
        )

    return explains


_APPLY: Final = (
    Wanted(
        "selectors and references are atomic",
        'README: "maps and structs that became atomic"',
        _about(_ATOMIC, *_OWNERS),
    ),
    Wanted(
        "who scales owns the number of replicas",
        'README: "ownership of `spec.replicas` through `/scale` is followed"',
        _of_subresource("scale", "owner", "conflict", "message"),
    ),
    Wanted(
        "managedFields and conflicts name the subresource",
        'README: "`subresource` in managedFields (1.22 on)"',
        _of_subresource("status", "owner", "conflict", "message"),
    ),
    Wanted(
        "the protocol of a port is TCP unless it is said",
        'README: "newer schemas default it to TCP"',
        lambda case, difference: 'omits key field "protocol"' in (case.step.get("message") or ""),
    ),
    Wanted(
        "the path is spelt as the field is",
        'caveat of other records: "newer versions spell this path in lowerCamelCase"',
        _lower_camel_case,
    ),
    Wanted("an object that is applied empty is owned, since 1.21", "", _empty_applied),
    Wanted("a keyed list takes the order of the document, since 1.22", "", _aspect("order")),
    Wanted(
        "the address of a service that is taken away is put back, as since 1.22",
        "",
        lambda case, difference: "primary clusterIP can not be unset" in (case.step.get("message") or ""),
    ),
    Wanted("a null in a patch adds nothing; 1.20 adds the key with an empty value", "", _null_in_patch),
)

# deletion

_DELETION: Final = (
    Wanted(
        "the grace of one object of a collection is its own; 1.20 hands it on to the next",
        "",
        lambda case, difference: any(step["op"] == "deletecollection" for step in case.record["steps"]),
    ),
)

# the scheduler

_DECISIONS: Final = (
    Wanted(
        "a preferred node term that compares with a negative number matches no node; kube-scheduler fails",
        "",
        _aspect("error"),
    ),
    Wanted(
        "a message without reasons ends as others do",
        'README: the message is "0/N nodes are available: ."',
        lambda case, difference: (
            difference.aspect == "message" and str(difference.ours).rstrip(" .") == difference.recorded
        ),
    ),
)

WANTED: Final = {
    "validation": _VALIDATION,
    "defaulting": _DEFAULTING,
    "patches": _PATCHES,
    "apply": _APPLY,
    "deletion": _DELETION,
    "kube-scheduler-1.30-decisions": _DECISIONS,
    "kube-scheduler-1.30-newer-fields": _DECISIONS,
}

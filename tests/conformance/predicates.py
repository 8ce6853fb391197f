"""Predicates over a case and one of its differences, of which the list of wanted differences is made.

They look at what was sent and what differs, never at the id of a record.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from tests.conformance.cases import Case, Difference, Explains

# Of one answer, these follow from others: an accepted apply changes the object, a new owner its version.
FOLLOWING: Final = ("code", "reason", "message", "changed", "generation")
# Of kinds, fields that 1.20 did not know or had behind a gate that was off.
UNKNOWN_TO_1_20: Final = {
    "Job": ("ttlSecondsAfterFinished", "completionMode", "suspend"),
    "CronJob": ("ttlSecondsAfterFinished", "completionMode", "suspend", "timeZone"),
    "StatefulSet": ("minReadySeconds", "persistentVolumeClaimRetentionPolicy", "ordinals"),
}


def leading(case: Case) -> list[Difference]:
    """The differences of which the others of a case follow."""
    return [each for each in case.differences if each.aspect not in FOLLOWING]


def aspect(name: str) -> Explains:
    """Differences of one aspect."""
    return lambda case, difference: difference.aspect == name


def remarked(text: str, path: str = "") -> Explains:
    """The recording has this remark, and all that leads is at such a path."""
    matches = re.compile(path).search
    return lambda case, difference: text in case.caveat and all(matches(each.path) for each in leading(case))


def only_at(path: str) -> Explains:
    """All that leads is at such a path."""
    matches = re.compile(path).search
    return lambda case, difference: bool(leading(case)) and all(matches(each.path) for each in leading(case))


def about(path: str, *aspects: str) -> Explains:
    """Differences of these aspects at such a path, and what follows from them."""
    matches = re.compile(path).search

    def is_it(difference: Difference) -> bool:
        return difference.aspect in aspects and bool(matches(difference.path))

    def explains(case: Case, difference: Difference) -> bool:
        conflicts = [each for each in case.differences if each.aspect == "conflict"]
        if conflicts and any(each.aspect == "code" for each in case.differences):
            # One of the two refused: all else of the case comes of that.
            return all(map(is_it, conflicts))
        if difference.aspect in FOLLOWING:
            return bool(leading(case)) and all(map(is_it, leading(case)))
        return is_it(difference)

    return explains


def recorded_message_has(text: str) -> Explains:
    """What was recorded is refused with such a message."""
    return lambda case, difference: text in ((case.step or case.record).get("message") or "")


# validation and defaulting


def label_selector_named(case: Case, difference: Difference) -> bool:
    """The causes are alike but for the name of the label selector in their paths."""
    renamed = {
        path.replace(".matchExpressions.match", ".labelSelector.match")
        for path in _paths(case, lambda each: each.recorded is not None)
    }
    return renamed == _paths(case, lambda each: each.ours is not None)


def lower_camel_case(case: Case, difference: Difference) -> bool:
    """The causes are alike but for the case of a letter."""
    theirs = _paths(case, lambda each: each.recorded is not None)
    ours = _paths(case, lambda each: each.ours is not None)
    return bool(ours) and {path.lower() for path in theirs} == {path.lower() for path in ours}


def _paths(case: Case, which: Callable[[Difference], bool]) -> set[str]:
    return {each.path for each in case.differences if each.aspect == "cause" and which(each)}


def of_stateful_template(case: Case, difference: Difference) -> bool:
    """All that we say more is about the pods of a StatefulSet."""
    return case.record["kind"] == "StatefulSet" and _all(
        leading(case), lambda each: each.recorded is None and each.path.startswith("spec.template.spec.")
    )


def unknown_to_1_20(case: Case, difference: Difference) -> bool:
    """The request has a field that 1.20 dropped, and all that we say more is about that field."""
    fields = UNKNOWN_TO_1_20.get(case.record["kind"] or "", ())
    text = json.dumps(case.record["input"])
    sent = [name for name in fields if f'"{name}"' in text]
    ours = [each for each in leading(case) if each.ours is not None]
    return _all(ours, lambda each: each.path.rpartition(".")[2] in sent)


def admitted_first(case: Case, difference: Difference) -> bool:
    """1.20 refused for what is missing in the cluster before it looked at the object itself."""
    return case.record["code"] == 403 and any(
        each.aspect == "code" and each.ours == 422 for each in case.differences
    )


def uid_label_sent(case: Case, difference: Difference) -> bool:
    """A Job's template has a uid label of its own, which is refused; the selector asks for another now."""
    if case.record["kind"] != "Job" or difference.ours is not None:
        return False
    template = json.dumps(case.record["input"]["spec"]["template"])
    return difference.path == "spec.template.metadata.labels" and '"controller-uid"' in template


def generation_sent(*kinds: str) -> Explains:
    """A generation is sent of a kind whose generation newer servers set; no kinds: of any."""

    def explains(case: Case, difference: Difference) -> bool:
        fits = not kinds or case.record["kind"] in kinds
        return fits and _all(leading(case), lambda each: each.path == "metadata.generation")

    return explains


def token_volume(case: Case, difference: Difference) -> bool:
    """The recorded pod has a volume with a token of its account."""
    return difference.ours is None and "kube-api-access" in str(difference.recorded)


# patches


def patch_has(pattern: str) -> Explains:
    """The text of the patch matches."""
    matches = re.compile(pattern).search
    return lambda case, difference: bool(matches(json.dumps(case.record["patch"])))


def deletes_in_new_list(case: Case, difference: Difference) -> bool:
    """The patch deletes an element of a list that is not there; 1.20 adds it."""
    return '"$patch": "delete"' in json.dumps(case.record["patch"]) and difference.ours is None


def sets_status(case: Case, difference: Difference) -> bool:
    """The patch is of the status, and only the version differs."""
    patch = case.record["patch"]
    return isinstance(patch, dict) and "status" in patch and difference.aspect == "changed"


# apply


def empty_applied(case: Case, difference: Difference) -> bool:
    """We own an object that is applied as {}."""
    if difference.aspect == "changed":
        return any(empty_applied(case, each) for each in case.differences if each.aspect == "owner")
    if difference.aspect != "owner" or difference.recorded is not None:
        return False
    name = re.escape(difference.path.rpartition(".")[2])
    return bool(re.search(rf'"{name}": \{{\}}', json.dumps(case.step["body"])))


def of_subresource(name: str, *aspects: str) -> Explains:
    """Differences of these aspects of a write through a subresource, or that name it."""

    def explains(case: Case, difference: Difference) -> bool:
        said: Any = (difference.ours, difference.recorded)
        return difference.aspect in aspects and (
            case.step.get("subresource") == name or f'subresource "{name}"' in str(said)
        )

    return explains


# deletion and the scheduler


def of_collection(case: Case, difference: Difference) -> bool:
    """The sequence deletes a collection, and what differs is the grace of one of its objects."""
    deletes = any(step["op"] == "deletecollection" for step in case.record["steps"])
    paths = ("metadata.deletionGracePeriodSeconds", "metadata.deletionTimestamp")
    return deletes and (difference.aspect == "events" or difference.path.endswith(paths))


def evicted_says_so(case: Case, difference: Difference) -> bool:
    """A pod that was evicted has a condition that says so."""
    return difference.path.endswith("status.conditions") and "DisruptionTarget" in str(difference.ours)


def ends_with_a_stop(case: Case, difference: Difference) -> bool:
    """Messages alike but for the stop at the end."""
    return difference.aspect == "message" and str(difference.ours).rstrip(" .") == difference.recorded


def _all(differences: Iterable[Difference], holds: Callable[[Difference], bool]) -> bool:
    """Whether it holds of all, of which there is one at least."""
    found = list(differences)
    return bool(found) and all(map(holds, found))

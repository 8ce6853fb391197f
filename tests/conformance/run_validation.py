"""Compares what is refused, and why, with what a real Kubernetes API server 1.20 recorded.

Prints, per kind, agreeing / all (`-v`: and all differences): the code, the reason and, for 422, the set of
(field, cause reason). Records of what is not decided by an object's own rules are counted apart. Differences
that are wanted stand in WANTED with their reason, found by the recording's own remark, and count as agreeing;
what current Kubernetes does otherwise without a remark stands in `newer` and does not. Ends with 1 when the
share is below the target.
"""

import sys
from collections import Counter
from typing import Any

from tests.conformance.records import Answer, create, current, kind_of, read, update

TARGET = 0.97
# Answered by admission and storage: missing classes, names taken, quotas, raw requests.
OTHERS = ("holdout-q", "holdout-l")
OTHER_CODES = (403, 404, 409, 415)
ALLOCATION = ("failed to allocate", "provided port is not in the valid range")
# Remarks of the recording that say why a current server answers otherwise.
WANTED = {
    "field or value not known to 1.20": "current Kubernetes knows the field or value",
    "newer servers (1.32+ by default) accept nearly": "names of environment variables are free",
    "newer servers refuse them on create": "ephemeral containers are not dropped, but refused",
    "newer versions spell this path in lowerCamelCase": "the path is spelt as the field is",
    "restartPolicy of an init container is unknown to 1.20": "sidecars are known",
    "ProcMountType was an alpha gate": "procMount is checked",
    "IP family fields are behind an alpha gate": "IP families are checked",
    "newer versions allow more StatefulSet spec fields": "more fields of StatefulSets may change",
}
# Current Kubernetes answers so too, though the recording has no remark; counted as disagreeing.
Found = set[tuple[str, str]]


def newer(record: dict[str, Any], theirs: Found, ours: Found) -> str:
    """What current Kubernetes does otherwise than 1.20, where that explains the difference; else ""."""
    renamed = {
        (field.replace(".matchExpressions.match", ".labelSelector.match"), why) for field, why in theirs
    }
    if renamed == ours and renamed != theirs:
        return "the label selector of an affinity term is named in the path"
    more = ours - theirs
    template = "spec.template.spec."
    if record["kind"] == "StatefulSet" and theirs <= ours and all(f.startswith(template) for f, _ in more):
        return "the pod template of a StatefulSet is validated (1.34)"
    if {field.rpartition(".")[2] for field, _ in theirs - ours} == {"searches"}:
        return "32 search paths are allowed (1.26)"
    if more == {("spec.ttlSecondsAfterFinished", "FieldValueInvalid")}:
        return "ttlSecondsAfterFinished is no longer behind a gate"
    if more == {("spec.externalTrafficPolicy", "FieldValueInvalid")}:
        return "traffic policies are checked together with the rest (1.26)"
    return ""


def answer(record: dict[str, Any]) -> Answer:
    """What we answer to one recorded request."""
    kind, namespace = kind_of(record["kind"]), record.get("namespace")
    document = current(record["input"])
    for operation in record.get("input_ops", ()):
        _expand(document, *operation)
    if record["operation"] == "create":
        return create(kind, document, namespace)
    before = create(kind, current(record["old"]), namespace)
    if before.obj is None:
        return Answer(0, before.causes)
    return update(kind, document, before.obj, namespace, versioned=record.get("sent_resourceVersion", False))


def _expand(document: dict[str, Any], path: str, value: Any) -> None:
    """Set the field at a dotted path; ["repeat", text, length] is a map with one long value."""
    if isinstance(value, list):
        _, text, length = value
        value = {"a": (text * (length // len(text) + 1))[:length]}
    *parents, last = path.split(".")
    for name in parents:
        document = document[name]
    document[last] = value


def agrees(record: dict[str, Any], ours: Answer) -> bool:
    """Same code (any 4xx for a recorded 500), reason and causes."""
    if record["code"] == 500:
        return 400 <= ours.code < 500
    if record["code"] != ours.code:
        return False
    return record["code"] != 422 or _causes(record) == ours.wrong


def _causes(record: dict[str, Any]) -> Found:
    return {(cause["field"], cause["reason"]) for cause in record.get("causes") or []}


def wanted(record: dict[str, Any]) -> str:
    """Why a difference is wanted; "" if it is not."""
    caveat = record.get("caveat", "")
    return next((why for remark, why in WANTED.items() if remark in caveat), "")


def decided_elsewhere(record: dict[str, Any]) -> bool:
    """Whether more than the object itself decides."""
    return (
        record["operation"] == "raw"
        or record.get("namespace") in OTHERS
        or record["code"] in OTHER_CODES
        or any(text in record.get("message", "") for text in ALLOCATION)
    )


def main(verbose: bool) -> int:
    agreeing: Counter[str] = Counter()
    total: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    newer_than_recorded = texts = all_texts = 0
    different: list[str] = []
    for record in read("validation.jsonl.gz"):
        if decided_elsewhere(record):
            elsewhere[record["kind"] or record["operation"]] += 1
            continue
        total[record["kind"]] += 1
        ours = answer(record)
        if agrees(record, ours):
            agreeing[record["kind"]] += 1
            theirs = {cause["message"] for cause in record.get("causes") or []}
            texts += len(theirs & {cause.message for cause in ours.causes})
            all_texts += len(theirs)
        elif why := wanted(record):
            agreeing[record["kind"]] += 1
            different.append(f"{record['id']} {record['kind']} wanted: {why}")
        else:
            why = newer(record, _causes(record), ours.wrong)
            newer_than_recorded += bool(why)
            different.append(_difference(record, ours) + (f" [current Kubernetes: {why}]" if why else ""))
    _report(agreeing, total, elsewhere)
    print(f"of those that differ, answered as current Kubernetes does: {newer_than_recorded}")
    print(f"texts of causes that are the same to the letter: {texts}/{all_texts}")
    if verbose:
        print("\n".join(different))
    return 0 if agreeing.total() >= TARGET * total.total() else 1


def _difference(record: dict[str, Any], ours: Answer) -> str:
    theirs = _causes(record)
    return (
        f"{record['id']} {record['kind']} {record['operation']} {record['mutation']}: "
        f"recorded {record['code']}, ours {ours.code}; "
        f"only recorded {sorted(theirs - ours.wrong)}, only ours {sorted(ours.wrong - theirs)}"
    )


def _report(agreeing: Counter[str], total: Counter[str], elsewhere: Counter[str]) -> None:
    for kind in sorted(total):
        print(f"{kind:26} {agreeing[kind]:4}/{total[kind]}")
    share = agreeing.total() / total.total()
    print(f"{'all':26} {agreeing.total():4}/{total.total()} ({share:.1%})")
    print(f"decided by more than the object: {elsewhere.total()} ({dict(elsewhere)})")


if __name__ == "__main__":
    sys.exit(main("-v" in sys.argv[1:]))

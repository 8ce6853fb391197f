"""The differences from the recording that are as they should be, in one list, each with its reason.

The recording is of Kubernetes 1.20; the norm is current Kubernetes. Where the recording's own README or the
caveat of a record says that newer servers answer otherwise, the difference is covered, and counts as
agreeing. All others count as disagreeing, however good the reason. docs/conformance.md shows the list.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.conformance import predicates as on
from tests.conformance.cases import Explains, Wanted

NOT_COVERED: Final = ""


def _caveat(text: str, reason: str, path: str = "") -> Wanted:
    return Wanted(reason, f'caveat: "{text}"', on.remarked(text, path))


def _readme(text: str, reason: str, explains: Explains) -> Wanted:
    return Wanted(reason, f'README: "{text}"', explains)


def _ours(reason: str, explains: Explains) -> Wanted:
    return Wanted(reason, NOT_COVERED, explains)


_DROPPED: Final = _readme(
    "1.20 drops unknown fields without a warning",
    "fields that 1.20 did not know or had behind a gate are read, defaulted and validated",
    on.unknown_to_1_20,
)
_VALIDATION: Final = (
    _caveat("field or value not known to 1.20", "fields and values that 1.20 did not know are known"),
    _caveat(
        "newer servers (1.32+ by default) accept nearly any printable name",
        "names of environment variables are free",
        r"\.env(From)?\[",
    ),
    _caveat("newer servers refuse them on create", "ephemeral containers are refused", "ephemeralContainers"),
    _caveat("newer versions spell this path in lowerCamelCase", "paths are spelt as the fields are"),
    _caveat("restartPolicy of an init container is unknown to 1.20", "sidecars are known", "initContainers"),
    _caveat("ProcMountType was an alpha gate in 1.20", "procMount is checked", "procMount"),
    _caveat("IP family fields are behind an alpha gate", "IP families are checked", "(?i)ipfamil"),
    _caveat("newer versions allow more StatefulSet spec fields", "more of a StatefulSet may change", "^spec"),
    _caveat(
        "newer servers add the label kubernetes.io/metadata.name",
        "namespaces have a label with their name, which is as wrong as a wrong name",
        r"^metadata\.labels$",
    ),
    _DROPPED,
    _readme(
        "A few validation records rest on the admission order of 1.20",
        "an object that is wrong by itself is refused for that before anything else",
        on.admitted_first,
    ),
    _readme(
        "labels `batch.kubernetes.io/controller-uid` … (and the selector uses the first)",
        "the generated selector of a job asks for the newer label",
        on.uid_label_sent,
    ),
    _readme(
        "Pod `metadata.generation` and `status.observedGeneration` (1.33 and later)",
        "the generation of pods is set by the server",
        on.generation_sent("Pod"),
    ),
    _ours("the generation of jobs and autoscalers is set by the server too", on.generation_sent()),
    _ours("the pods of a StatefulSet are validated, as since 1.34", on.of_stateful_template),
    _ours("the label selector of an affinity term is named in the path", on.label_selector_named),
    _ours("32 search paths are allowed, as since 1.26", on.only_at(r"\.dnsConfig\.searches$")),
    _ours(
        "traffic policies are checked together with all else, as since 1.26",
        on.only_at(r"^spec\.externalTrafficPolicy$"),
    ),
    _ours("ObjectService has a type that cannot say such a request", on.aspect("request")),
)
_DEFAULTING: Final = (
    _DROPPED,
    _ours("pods get no tokens of their accounts: Knarr's API asks for none", on.token_volume),
)
_PATCHES: Final = (
    _readme(
        "`status` in an apply to the main resource is reset",
        "a patch of nothing but status changes nothing of the object itself, not even its owners",
        on.sets_status,
    ),
    _ours(
        "elements to be deleted from a list that is not merged go; 1.20 puts them in its place",
        on.patch_has(r"\$deleteFromPrimitiveList"),
    ),
    _ours(
        "elements to be deleted from a list that is not there stay away; 1.20 adds them",
        on.deletes_in_new_list,
    ),
    _ours(
        "versions that are served no more are refused; 1.20 converts from them",
        on.patch_has(r'^\{"apiVersion"'),
    ),
    _ours(
        "an address that is taken from a service is put back, as since 1.22",
        on.patch_has(r'"clusterIPs?": (""|null|\[\])'),
    ),
)
_ATOMIC: Final = (
    r"(\.|^)(nodeSelector|spec\.selector|scopeSelector|roleRef|scaleTargetRef|claimRef|targetRef"
    r"|\w+KeyRef|fieldRef|resourceFieldRef|secretRef|configMapRef|nodeSelectorTerms)(\.|\[|$)"
)
_APPLY: Final = (
    _readme(
        "maps and structs that became atomic",
        "selectors and references are atomic",
        on.about(_ATOMIC, "owner", "conflict", "object"),
    ),
    _readme(
        "ownership of `spec.replicas` through `/scale` is followed",
        "who scales owns the number of replicas",
        on.of_subresource("scale", "owner", "conflict", "message"),
    ),
    _readme(
        "`subresource` in managedFields (1.22 on)",
        "owners and conflicts name the subresource",
        on.of_subresource("status", "owner", "conflict", "message"),
    ),
    _readme(
        "newer schemas default it to TCP",
        "the protocol of a service's port is TCP unless it is said",
        on.recorded_message_has('omits key field "protocol"'),
    ),
    Wanted(
        "paths are spelt as the fields are",
        'caveat of other records: "newer versions spell this path in lowerCamelCase"',
        on.lower_camel_case,
    ),
    _ours("an object that is applied empty is owned, as since 1.21", on.empty_applied),
    _ours("a keyed list takes the order of the document, as since 1.22", on.aspect("order")),
    _ours(
        "an address that is taken from a service is put back, as since 1.22",
        on.recorded_message_has("primary clusterIP can not be unset"),
    ),
)
_DELETION: Final = (
    _ours(
        "the grace of one object of a collection is its own; 1.20 hands it on to the next",
        on.of_collection,
    ),
    _ours("an evicted pod has a condition that says so, as since 1.26", on.evicted_says_so),
)
_DECISIONS: Final = (
    _readme(
        "0/N nodes are available: .",
        "a message without reasons ends as others do",
        on.ends_with_a_stop,
    ),
    _ours(
        "a preferred node term that compares with a negative number matches no node; kube-scheduler fails",
        on.aspect("error"),
    ),
)
WANTED: Final[Mapping[str, Sequence[Wanted]]] = {
    "validation": _VALIDATION,
    "defaulting": _DEFAULTING,
    "patches": _PATCHES,
    "apply": _APPLY,
    "deletion": _DELETION,
    "kube-scheduler-1.30-decisions": _DECISIONS,
    "kube-scheduler-1.30-newer-fields": _DECISIONS,
}

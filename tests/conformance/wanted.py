"""The differences from the recording that are as they should be, in one list, each with its reason.

The recording is of Kubernetes 1.20; the norm is current Kubernetes. Where the recording's own README or the
caveat of a record says that newer servers answer otherwise, the difference is covered, and counts as
agreeing. All others count as disagreeing, however good the reason. Nothing here looks at the id of a record.
"""

from typing import Final

from tests.conformance.cases import Case, Difference, Wanted

CAVEAT: Final = "caveat"


def _remark(text: str, reason: str) -> Wanted:
    """Any difference of a case with this remark of the recording."""

    def explains(case: Case, difference: Difference) -> bool:
        return text in case.caveat

    return Wanted(reason, CAVEAT, explains)


VALIDATION: Final = (
    _remark("field or value not known to 1.20", "current Kubernetes knows the field or value"),
    _remark("newer servers (1.32+ by default) accept nearly", "names of environment variables are free"),
    _remark("newer servers refuse them on create", "ephemeral containers are refused on create"),
    _remark("newer versions spell this path in lowerCamelCase", "the path is spelt as the field is"),
    _remark("restartPolicy of an init container is unknown to 1.20", "sidecars are known"),
    _remark("ProcMountType was an alpha gate", "procMount is known"),
    _remark("IP family fields are behind an alpha gate", "IP families are known"),
    _remark("newer versions allow more StatefulSet spec fields", "more of a StatefulSet may change"),
)

WANTED: Final = {
    "validation": VALIDATION,
}

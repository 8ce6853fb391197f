"""How objects are deleted: grace, force, and what becomes of dependents. Pure."""

from knarr.cli.failure import USAGE, Failure
from knarr.proto.kubernetes import meta_v1_pb2 as meta

CASCADES = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
    "true": "Background",
    "false": "Orphan",
}
FORCED = (
    "what is deleted by force is forgotten at once: nobody waits for its node to say that it has ended, "
    "and it may go on running"
)


def delete_options(
    *, grace_period: int | None, now: bool, force: bool, cascade: str, uid: str = ""
) -> meta.DeleteOptions:
    """The options of a deletion, with `uid` of just this object; raises Failure when two say otherwise."""
    if now and grace_period is not None:
        raise Failure("give either --now or --grace-period", USAGE)
    if force and (now or (grace_period or 0) > 0):
        raise Failure("--force leaves no grace: it goes with --grace-period=0 only", USAGE)
    options = meta.DeleteOptions(propagationPolicy=CASCADES[cascade])
    if force:
        options.gracePeriodSeconds = 0
    elif now or grace_period == 0:
        options.gracePeriodSeconds = 1  # without --force a node is always asked, as in kubectl
    elif grace_period is not None and grace_period > 0:
        options.gracePeriodSeconds = grace_period
    if uid:
        options.preconditions.uid = uid
    return options

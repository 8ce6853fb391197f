"""An answer of `knarr why` as lines. Pure."""

from collections.abc import Sequence

from knarr.ages import age
from knarr.api import kinds
from knarr.cli.tables import lined_up
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services import object_service_pb2 as objects_wire

_NAMES = 5  # of nodes
WORDS = {
    wire.UNKNOWN: "is as it is",
    wire.WELL: "is well",
    wire.FINISHED: "has finished",
    wire.PROGRESSING: "is on its way",
    wire.GATED: "waits for its gates",
    wire.FOREIGN: "has no scheduler",
    wire.HELD: "waits for its gang",
    wire.UNSCHEDULABLE: "has no node",
    wire.NODE_LOST: "has lost its node",
    wire.NOT_STARTED: "cannot start",
    wire.CRASHING: "crashes",
    wire.NOT_READY: "is not ready",
    wire.FAILED: "has failed",
    wire.TERMINATING: "is being deleted",
    wire.REFUSED: "gets no pods",
    wire.STUCK: "is stuck",
    wire.IDLE: "does nothing",
}


def named(reference: objects_wire.Reference) -> str:
    """ "deployment/web"."""
    kind = kinds.find(reference.api_version, reference.kind)
    return f"{kind.singular if kind else reference.kind}/{reference.name}"


def why_lines(answer: wire.WhyResponse, now: float) -> list[str]:
    """The whole answer: what is the matter, the details, what would help."""
    lines = [f"{named(answer.reference)} {WORDS[answer.verdict]}: {answer.summary}"]
    lines += [f"  {detail}" for detail in answer.details]
    if answer.HasField("refusals"):
        lines += refusal_lines(answer.refusals)
    lines += _section("Warnings", _happenings(answer, now))
    lines += _section("What to do", list(map(_item, answer.remedies)))
    if answer.HasField("worst"):
        lines += ["", *why_lines(answer.worst, now)]
    return lines


def refusal_lines(refusals: wire.Refusals) -> list[str]:
    """What refused which nodes, the nearest nodes, and the changes that help."""
    rows = [(one.reason, str(one.count), _some(one.nodes, one.count)) for one in refusals.refused]
    lines = _section("Nodes refused", [f"  {line}" for line in lined_up(rows)] if rows else [])
    near: list[str] = []
    for one in refusals.nearest:
        near += [f"  {_some(one.nodes, len(one.nodes))}", *(f"    {lack}" for lack in one.lacks)]
    lines += _section("Nearest nodes", near)
    helps: list[str] = []
    for suggestion in refusals.suggestions:
        where = "a new node" if suggestion.node == "new-node" else f"node {suggestion.node}"
        helps.append(_item(f"{suggestion.text} (then {where} takes it)"))
        if suggestion.command:
            helps.append(f"      {suggestion.command}")
    title = "It would run if you did one of these (each was tried)"
    return lines + (_section(title, helps) or ["", "No single change that was tried would let it run."])


def _happenings(answer: wire.WhyResponse, now: float) -> list[str]:
    lines: list[str] = []
    for one in answer.happenings:
        many = f", {one.count} times" if one.count > 1 else ""
        lines.append(_item(f"{one.reason}: {one.message} ({age(now - one.last_seen)} ago{many})"))
    return lines


def log_title(container: wire.ContainerTrouble) -> str:
    """The heading over the last lines of a container's log."""
    which = " of its last run" if container.log == wire.ContainerTrouble.PREVIOUS else ""
    return f"Log of container {container.name}{which}, the last lines:"


def _some(names: Sequence[str], count: int) -> str:
    more = count - min(count, _NAMES)
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more else "")


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *lines] if lines else []


def _item(text: str) -> str:
    return f"  - {text}"

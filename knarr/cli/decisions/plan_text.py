"""An answer of `knarr plan` as lines. Pure."""

from collections.abc import Iterable, Sequence

from knarr.cli.decisions.why_text import named, refusal_lines
from knarr.cli.tables import lined_up
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services import object_service_pb2 as objects_wire

_OUTCOMES = {
    objects_wire.CREATED: "would be created",
    objects_wire.CONFIGURED: "would be configured",
    objects_wire.UNCHANGED: "would not change",
}
_CAUSES = {
    wire.PodLoss.UNKNOWN_CAUSE: "goes",
    wire.PodLoss.SCALED_DOWN: "removed by its controller",
    wire.PodLoss.PREEMPTED: "evicted",
    wire.PodLoss.NODE_GONE: "lost with its node",
    wire.PodLoss.DELETED: "deleted",
}
_NAMES = 3
_ONE_LINE = 60


def plan_lines(answer: wire.PlanResponse) -> list[str]:
    """The whole plan: the changes, the pods that come, wait and go, and what is broken by it."""
    lines = [line for one in answer.objects for line in _object(one)]
    placed = [pod for pod in answer.pods if pod.node and not pod.waited]
    waiting = [pod for pod in answer.pods if not pod.node]
    lines += _section(f"New pods: {len(placed)}", _placed(placed))
    lines += _section(f"Pods that would wait: {len(waiting)}", _waiting(waiting))
    helped = [pod for pod in answer.pods if pod.waited]
    lines += _section(f"Pods that wait now and would have room: {len(helped)}", _placed(helped))
    lines += _section(f"Pods that would go: {len(answer.losses)}", _losses(answer.losses))
    lines += _section("Disruption budgets broken", map(_budget, answer.budgets))
    lines += _section("Warnings", (f"  - {one}" for one in answer.warnings))
    if answer.unfinished:
        lines += ["", "The change does not come to rest: this is how far it was followed."]
    if not answer.pods and not answer.losses:
        lines += ["", "No pods come or go."]
    return lines


def failed(answer: wire.PlanResponse) -> bool:
    """Whether the change would not end well: refused, waiting for nodes, or against a budget."""
    refused = any(one.HasField("refusal") for one in answer.objects)
    waiting = any(not pod.node for pod in answer.pods)
    return refused or waiting or bool(answer.budgets or answer.warnings or answer.unfinished)


def _object(one: wire.ObjectPlan) -> list[str]:
    name = named(one.reference)
    if one.HasField("refusal"):
        return [f"{name} would be refused: {one.refusal.message}"]
    lines = [f"{name} {_OUTCOMES.get(one.outcome, 'would be applied')}"]
    for change in one.changes:
        before, after = (change.before or "(none)"), (change.after or "(none)")
        if len(before) + len(after) <= _ONE_LINE:
            lines.append(f"  {change.path}: {before} -> {after}")
        else:
            lines += [f"  {change.path}:", f"    - {before}", f"    + {after}"]
    return [*lines, *(f"  warning: {warning}" for warning in one.warnings)]


def _placed(pods: Sequence[wire.PodPlan]) -> list[str]:
    """A line for each owner and node."""
    groups: dict[tuple[str, str], list[wire.PodPlan]] = {}
    for pod in pods:
        groups.setdefault((_owner(pod), pod.node), []).append(pod)
    rows = [
        (owner, node, str(len(some)), _some(pod.reference.name for pod in some))
        for (owner, node), some in sorted(groups.items())
    ]
    return _columns(("OWNER", "NODE", "PODS", "NAMES"), rows)


def _owner(pod: wire.PodPlan | wire.PodLoss) -> str:
    kind, _, name = pod.owner.partition("/")
    return f"{kind.lower()}/{name}" if name else "-"


def _waiting(pods: Sequence[wire.PodPlan]) -> list[str]:
    """Pods that wait for the same reason together."""
    groups: dict[tuple[str, str], list[wire.PodPlan]] = {}
    for pod in pods:
        groups.setdefault((_owner(pod), pod.message), []).append(pod)
    lines: list[str] = []
    for (owner, message), some in groups.items():
        lines.append(f"  {owner}: {_some(pod.reference.name for pod in some)}")
        lines.append(f"    {message}")
        helps = next((pod.refusals for pod in some if pod.HasField("refusals")), None)
        if helps is not None:
            lines += [f"    {line}" if line else "" for line in refusal_lines(helps)]
    return lines


def _losses(losses: Sequence[wire.PodLoss]) -> list[str]:
    rows = [
        (f"{one.reference.namespace}/{one.reference.name}", one.node or "-", _owner(one), _fate(one))
        for one in losses
    ]
    return _columns(("POD", "NODE", "OWNER", "WHY"), rows)


def _fate(one: wire.PodLoss) -> str:
    said = _CAUSES[one.cause]
    if one.for_pod:
        said += f" for {one.for_pod}"
    if one.cause in (wire.PodLoss.PREEMPTED, wire.PodLoss.NODE_GONE):
        said += "; another is made in its place" if one.replaced else "; nothing makes another in its place"
    return said


def _budget(one: wire.BudgetPlan) -> str:
    return (
        f"  {one.reference.namespace}/{one.reference.name}: {one.lost} of its pods would go at once, "
        f"{one.allowed} may"
    )


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return ["", f"{title}:" if not title[-1].isdigit() else title, *found] if found else []


def _some(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _NAMES} more" if len(found) > _NAMES else ""
    return ", ".join(found[:_NAMES]) + more


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"  {line}" for line in lined_up([header, *rows])] if rows else []

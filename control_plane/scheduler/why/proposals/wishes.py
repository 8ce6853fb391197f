"""Give up one wish: a label, an affinity term, a spread constraint, a host port. Pure."""

from collections.abc import Iterator

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.filters.pod_topology_spread import Skew, skew_of
from control_plane.scheduler.why.changes import EditPod, Trial, edited
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal
from control_plane.scheduler.why.words import node_term_text, pods_text
from knarr.proto.kubernetes import core_v1_pb2 as core


def drop_node_selector(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Each label of nodeSelector."""
    for key, value in sorted(trial.pod.spec.nodeSelector.items()):
        changed = edited(trial.pod)
        del changed.spec.nodeSelector[key]
        yield Proposal(Effort.RELAX, f"drop {key}={value} from nodeSelector", EditPod(changed))


def drop_node_affinity(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Each requirement of each required term, and the whole of it."""
    required = trial.pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    terms = trial.view.shape.wishes.node_terms or ()
    for number, term in enumerate(terms):
        if len(term.expressions) + len(term.fields) < 2:
            continue
        for kind, requirements in (("matchExpressions", term.expressions), ("matchFields", term.fields)):
            for index, requirement in enumerate(requirements):
                changed = edited(trial.pod)
                its = changed.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
                del getattr(its.nodeSelectorTerms[number], kind)[index]
                yield Proposal(
                    Effort.RELAX, f"drop {requirement} from the required node affinity", EditPod(changed)
                )
    if required.nodeSelectorTerms:
        changed = edited(trial.pod)
        changed.spec.affinity.nodeAffinity.ClearField("requiredDuringSchedulingIgnoredDuringExecution")
        said = " or ".join(node_term_text(term) for term in terms)
        yield Proposal(Effort.RELAX, f"drop the required node affinity ({said})", EditPod(changed))


def drop_pod_affinity(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Each required term of affinity and anti-affinity to pods, made a preference."""
    shape = trial.view.shape
    for field, what, terms in (
        ("podAffinity", "pod affinity", shape.affinity),
        ("podAntiAffinity", "pod anti-affinity", shape.anti_affinity),
    ):
        for index, term in enumerate(terms):
            changed = edited(trial.pod)
            affinity = getattr(changed.spec.affinity, field)
            moved = affinity.requiredDuringSchedulingIgnoredDuringExecution.pop(index)
            affinity.preferredDuringSchedulingIgnoredDuringExecution.add(weight=100, podAffinityTerm=moved)
            yield Proposal(
                Effort.RELAX,
                f"make the required {what} to {pods_text(term)} per {term.topology_key} a preferred one",
                EditPod(changed),
            )


def relax_spread(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Each hard spread constraint: a greater maxSkew, or only wished for."""
    for index, row in enumerate(trial.pod.spec.topologySpreadConstraints):
        if row.whenUnsatisfiable == "ScheduleAnyway":
            continue
        name = f"the spread constraint over {row.topologyKey}"
        soft = edited(trial.pod)
        soft.spec.topologySpreadConstraints[index].whenUnsatisfiable = "ScheduleAnyway"
        skew = _skew(trial, index)
        if skew is not None and 0 < skew.domains < row.minDomains:
            fewer = edited(trial.pod)
            fewer.spec.topologySpreadConstraints[index].minDomains = skew.domains
            text = f"lower minDomains of {name} from {row.minDomains} to {skew.domains}"
            yield Proposal(Effort.RELAX, text, EditPod(fewer))
        needed = _needed_skew(trial, soft, row.maxSkew, skew)
        if needed is not None:
            wider = edited(trial.pod)
            wider.spec.topologySpreadConstraints[index].maxSkew = needed
            yield Proposal(
                Effort.RELAX, f"raise maxSkew of {name} from {row.maxSkew} to {needed}", EditPod(wider)
            )
        yield Proposal(Effort.RELAX, f"set whenUnsatisfiable of {name} to ScheduleAnyway", EditPod(soft))


def _skew(trial: Trial, index: int) -> Skew | None:
    """How the hard constraint at `index` of the pod's counts."""
    rows = trial.pod.spec.topologySpreadConstraints[:index]
    constraints = [row for row in trial.view.shape.spread if row.hard]
    place = sum(row.whenUnsatisfiable != "ScheduleAnyway" for row in rows)
    return skew_of(trial.view, constraints, constraints[place])


def _needed_skew(trial: Trial, soft: core.Pod, max_skew: int, skew: Skew | None) -> int | None:
    """The least maxSkew with which a node would do that does without the constraint."""
    if skew is None:
        return None
    over = skew.over()[trial.mask(soft) & (skew.domain >= 0)]
    least = float(over.min(initial=float("inf")))
    return int(least) if max_skew < least < 2**31 else None


def drop_host_ports(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Each claim of a port of the node."""
    for place, container in enumerate(trial.pod.spec.containers):
        for index, port in enumerate(container.ports):
            if port.hostPort:
                changed = edited(trial.pod)
                changed.spec.containers[place].ports[index].hostPort = 0
                text = f"drop hostPort {port.hostPort} of container {container.name}"
                yield Proposal(Effort.RELAX, text, EditPod(changed))

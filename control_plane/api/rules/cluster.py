"""Rules and defaults of Namespaces, Nodes and PriorityClasses.

Source: Kubernetes' pkg/apis/core/validation and pkg/apis/scheduling/validation.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import CIDR, LABEL_VALUE, QUALIFIED_NAME, each_text, one_of, stated
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.metadata import (
    GLOBAL_BY_LABEL,
    GLOBAL_BY_SUBDOMAIN,
    check_finalizer,
)
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.placement import EFFECTS
from control_plane.api.rules.resources import check_amount, check_resource_name, rounding
from control_plane.api.rules.rows import (
    default_by,
    default_pointer,
    each,
    immutable,
    into,
    on_update,
    required,
    rule,
    whole,
)
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

NAME_LABEL: Final = "kubernetes.io/metadata.name"
HIGHEST_USER_PRIORITY: Final = 1_000_000_000
_RESERVED: Final = "priority class names with 'system-' prefix are reserved for system use only."
SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def _check_finalizers(values: Any, path: str, causes: Causes) -> None:
    for name in values:
        QUALIFIED_NAME.check(name, path, causes)
        check_finalizer(name, path, causes)


def _fill_namespace(namespace: Any) -> None:
    if namespace.metadata.name:
        namespace.metadata.labels[NAME_LABEL] = namespace.metadata.name
    if not namespace.status.phase:
        namespace.status.phase = "Active"


NAMESPACE: Final = Table(
    core.Namespace,
    rules=(
        into("metadata", GLOBAL_BY_LABEL),
        into(
            "spec",
            Table(
                core.NamespaceSpec,
                rules=(rule("finalizers", Checker(_check_finalizers, "qualified names, or kubernetes")),),
            ),
        ),
    ),
    defaults=(default_by("metadata", _fill_namespace, f"label {NAME_LABEL} with the name; phase Active"),),
)

TAINT: Final = Table(
    core.Taint,
    rules=(
        rule("key", QUALIFIED_NAME, always=True),
        rule("value", LABEL_VALUE),
        required("effect"),
        rule("effect", one_of(*EFFECTS)),
    ),
)


def _check_taint_pairs(taints: Any, path: str, causes: Causes) -> None:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        pair = (taint.key, taint.effect)
        if pair in seen:
            causes.append(say.duplicate(f"{path}[{index}]", taint))
        seen.add(pair)


def _check_resource_list(amounts: Any, path: str, causes: Causes) -> None:
    for name, amount in amounts.items():
        check_resource_name(name, f"{path}[{name}]", causes)
        check_amount(name, amount, f"{path}[{name}]", causes)


RESOURCE_LIST: Final = Checker(_check_resource_list, "known resources, amounts of at least 0")


def _fill_allocatable(status: Any) -> None:
    if not status.allocatable:
        for name, amount in status.capacity.items():
            status.allocatable[name].CopyFrom(amount)


NODE: Final = Table(
    core.Node,
    rules=(
        into("metadata", GLOBAL_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                core.NodeSpec,
                rules=(
                    each("taints", TAINT),
                    rule("taints", Checker(_check_taint_pairs, "each pair of key and effect stands once")),
                    rule("podCIDRs", each_text(CIDR)),
                ),
            ),
        ),
        into(
            "status",
            Table(
                core.NodeStatus,
                rules=(rule("capacity", RESOURCE_LIST), rule("allocatable", RESOURCE_LIST)),
                defaults=(
                    rounding("capacity"),
                    rounding("allocatable"),
                    default_by("allocatable", _fill_allocatable, "the capacity"),
                ),
            ),
        ),
    ),
)


def _check_node_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    for name in ("podCIDR", "podCIDRs", "providerID"):
        before, after = getattr(old.spec, name), getattr(new.spec, name)
        if before and after != before:
            why = "node updates may not change " + name + ' except from "" to valid'
            causes.append(say.forbidden(f"spec.{name}", why))


def _check_priority(priority: Any, path: str, causes: Causes) -> None:
    name, value = priority.metadata.name, priority.value
    if name.startswith("system-"):
        known = SYSTEM_PRIORITIES.get(name)
        if known is None or known != value:
            detail = (
                f"{name} is not a known system priority class"
                if known is None
                else f"value of {name} PriorityClass must be {known}"
            )
            why = f"{_RESERVED} error: {detail}"
            causes.append(say.forbidden("metadata.name", why))
    elif value > HIGHEST_USER_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        causes.append(say.forbidden("value", why))


PRIORITY_CLASS: Final = Table(
    scheduling.PriorityClass,
    rules=(
        into("metadata", GLOBAL_BY_SUBDOMAIN),
        whole("value is at most 1000000000; names with system- are reserved", _check_priority),
        rule("preemptionPolicy", stated("PreemptLowerPriority", "Never")),
    ),
    defaults=(default_pointer("preemptionPolicy", "PreemptLowerPriority"),),
)


def _check_value_kept(new: Any, old: Any, path: str, causes: Causes) -> None:
    if new.value != old.value:
        causes.append(say.forbidden("value", "may not be changed in an update."))


RULES: Final = (
    ObjectRules(NAMESPACE),
    ObjectRules(
        NODE, update=(on_update("podCIDR and providerID may be set once", _check_node_update, "spec"),)
    ),
    ObjectRules(
        PRIORITY_CLASS,
        update=(
            on_update("cannot be changed", _check_value_kept, "value"),
            immutable("preemptionPolicy"),
        ),
    ),
)

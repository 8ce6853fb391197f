"""Rules and defaults of resource names and amounts: what containers may ask for.

Source: Kubernetes' pkg/apis/core/validation and pkg/apis/core/helper.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import NEGATIVE, QUALIFIED_NAME, nanos
from control_plane.api.rules.engine import Causes, Default, Table
from control_plane.api.rules.rows import whole
from knarr.api import names, quantity
from knarr.api.errors import QuantityError
from knarr.proto.kubernetes import core_v1_pb2 as core

MILLI: Final = 10**6  # nanos
WHOLE_UNITS: Final = 10**9
STANDARD_CONTAINER: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
STANDARD_QUOTA: Final = frozenset(
    {
        *STANDARD_CONTAINER,
        *(f"{side}.{name}" for side in ("requests", "limits") for name in STANDARD_CONTAINER),
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    }
)
STANDARD: Final = frozenset({*STANDARD_QUOTA, "storage"})
_COUNTED: Final = frozenset(
    {
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)


def is_huge_pages(name: str) -> bool:
    return name.startswith("hugepages-")


def is_native(name: str) -> bool:
    """One of Kubernetes' own, not of a device plugin."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    return (
        not is_native(name)
        and not name.startswith("requests.")
        and not names.qualified_name_errors(f"requests.{name}")
    )


def may_overcommit(name: str) -> bool:
    return is_native(name) and not is_huge_pages(name)


def is_counted(name: str) -> bool:
    """Comes in whole units."""
    return name in _COUNTED or is_extended(name)


def check_resource_name(name: str, path: str, causes: Causes) -> None:
    """A standard resource, or a qualified name with a slash."""
    QUALIFIED_NAME.check(name, path, causes)
    if "/" not in name and name not in STANDARD and not is_huge_pages(name):
        causes.append(say.invalid(path, name, "must be a standard resource type or fully qualified"))


def check_container_resource_name(name: str, path: str, causes: Causes) -> None:
    if name in STANDARD_CONTAINER:
        return
    check_resource_name(name, path, causes)
    if "/" not in name:
        if not is_huge_pages(name):
            causes.append(say.invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        causes.append(say.invalid(path, name, "doesn't follow extended resource name standard"))


def check_amount(name: str, amount: Any, path: str, causes: Causes) -> None:
    """Not negative, and whole where the resource is counted. What was never JSON may hold any text."""
    try:
        value = quantity.of(amount).nanos
    except QuantityError as error:
        causes.append(say.invalid(path, amount, str(error)))
        return
    if value < 0:
        causes.append(say.invalid(path, amount, NEGATIVE))
    if value % WHOLE_UNITS and is_counted(name):
        causes.append(say.invalid(path, amount, "must be an integer"))


def _check_request(requirements: Any, name: str, amount: Any, path: str, causes: Causes) -> None:
    limits = requirements.limits
    if name not in limits:
        if not may_overcommit(name):
            why = "Limit must be set for non overcommitable resources"
            causes.append(say.required(f"{path}.limits", why))
        return
    limit = limits[name]
    request_nanos, limit_nanos = nanos(amount), nanos(limit)
    if request_nanos == limit_nanos:
        return
    relation = None
    if not may_overcommit(name):
        relation = "must be equal to"
    elif request_nanos > limit_nanos:
        relation = "must be less than or equal to"
    if relation:
        why = f"{relation} {name} limit of {limit.string}"
        causes.append(say.invalid(f"{path}.requests", amount, why))


def _check_requirements(requirements: Any, path: str, causes: Causes) -> None:
    asked: set[str] = set()
    for name, amount in requirements.limits.items():
        here = f"{path}.limits[{name}]"
        check_container_resource_name(name, here, causes)
        check_amount(name, amount, here, causes)
        asked.add(name)
    for name, amount in requirements.requests.items():
        here = f"{path}.requests[{name}]"
        check_container_resource_name(name, here, causes)
        check_amount(name, amount, here, causes)
        _check_request(requirements, name, amount, path, causes)
        asked.add(name)
    if not asked.isdisjoint(("cpu", "memory")):
        return
    if any(map(is_huge_pages, asked)):
        causes.append(say.forbidden(path, "HugePages require cpu or memory"))


def rounding(field: str) -> Default:
    """Amounts of a resource list finer than a thousandth are rounded up."""

    def fill(message: Any) -> None:
        for amount in getattr(message, field).values():
            if amount.string and _is_fine(amount.string):
                amount.string = str(quantity.parse(amount.string).round_up(MILLI))

    return Default(field, "amounts are rounded up to thousandths", fill)


def _is_fine(text: str) -> bool:
    """Whether an amount may be finer than a thousandth; canonical text then ends in n or u."""
    if text[-1] not in "nu":
        return False
    try:
        quantity.parse(text)
    except QuantityError:
        return False
    return True


REQUIREMENTS: Final = Table(
    core.ResourceRequirements,
    rules=(
        whole(
            "known resources; whole numbers of extended ones; requests up to the limits", _check_requirements
        ),
    ),
    defaults=(rounding("limits"), rounding("requests")),
)


def requests_from_limits(message: Any) -> None:
    """What a container limits and does not request, it requests."""
    resources = message.resources
    if not resources.limits:
        return
    requests = resources.requests
    for name, amount in resources.limits.items():
        if name not in requests:
            requests[name].CopyFrom(amount)

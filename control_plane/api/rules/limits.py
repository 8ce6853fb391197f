"""Rules and defaults of LimitRanges and ResourceQuotas.

Source: Kubernetes' pkg/apis/core/validation (ValidateLimitRange, ValidateResourceQuotaSpec) and
pkg/apis/core/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.refusals import MOST_CAUSES
from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import QUALIFIED_NAME, nanos
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.resources import (
    STANDARD_QUOTA,
    check_amount,
    check_container_resource_name,
    check_resource_name,
    is_huge_pages,
    may_overcommit,
    rounding,
)
from control_plane.api.rules.rows import default_by, each, into, on_update, rule, whole
from control_plane.api.rules.selectors import NOT_AN_OPERATOR
from knarr.proto.kubernetes import core_v1_pb2 as core

_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")
_MAPS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_NANOS: Final = 10**9


def _check_names(item: Any, path: str, causes: Causes) -> None:
    check = check_container_resource_name if item.type == "Container" else check_resource_name
    for field in _MAPS:
        for name in getattr(item, field):
            check(name, f"{path}.{field}[{name}]", causes)


def _check_order(
    item: Any, low: tuple[str, str], high: tuple[str, str], at: str, path: str, causes: Causes
) -> None:
    """Each amount of the field low[0] is at most that of high[0]; reported at `at`, in the given words."""
    lows, highs = getattr(item, low[0]), getattr(item, high[0])
    for name in lows:
        if name in highs and nanos(lows[name]) > nanos(highs[name]):
            small, large = lows[name].string or "0", highs[name].string or "0"
            why = f"{low[1]} {small} is greater than {high[1]} {large}"
            causes.append(say.invalid(f"{path}.{at}[{name}]", getattr(item, at)[name], why))


_MIN: Final = ("min", "min value")
_MAX: Final = ("max", "max value")
_DEFAULT: Final = ("default", "default value")
_REQUEST: Final = ("defaultRequest", "default request value")


def _check_item(item: Any, path: str, causes: Causes) -> None:
    QUALIFIED_NAME.check(item.type, f"{path}.type", causes)
    if "/" not in item.type and item.type not in _TYPES:
        why = "must be a standard limit type or fully qualified"
        causes.append(say.invalid(f"{path}.type", item.type, why))
    _check_names(item, path, causes)
    if item.type == "Pod":
        for field in ("default", "defaultRequest"):
            if getattr(item, field):
                causes.append(say.forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'"))
    if item.type == "PersistentVolumeClaim" and "storage" not in item.min and "storage" not in item.max:
        why = "either minimum or maximum storage value is required, but neither was provided"
        causes.append(say.required(f"{path}.limits", why))
    _check_order(item, _MIN, _MAX, "min", path, causes)
    _check_order(item, _MIN, _REQUEST, "defaultRequest", path, causes)
    _check_order(item, _REQUEST, _MAX, "defaultRequest", path, causes)
    _check_order(item, _REQUEST, ("default", "default limit value"), "defaultRequest", path, causes)
    _check_order(item, _MIN, _DEFAULT, "default", path, causes)
    _check_order(item, _DEFAULT, _MAX, "default", path, causes)
    _check_ratios(item, path, causes)
    _check_equal(item, path, causes)


def _check_ratios(item: Any, path: str, causes: Causes) -> None:
    for name, ratio in item.maxLimitRequestRatio.items():
        here = f"{path}.maxLimitRequestRatio[{name}]"
        if nanos(ratio) < _NANOS:
            causes.append(say.invalid(here, ratio, f"ratio {ratio.string or '0'} is less than 1"))
        if name in item.min and name in item.max and nanos(item.min[name]) > 0:
            most = nanos(item.max[name]) / nanos(item.min[name])
            if nanos(ratio) / _NANOS > most:
                why = f"ratio {ratio.string} is greater than max/min = {most:f}"
                causes.append(say.invalid(here, ratio, why))


def _check_equal(item: Any, path: str, causes: Causes) -> None:
    """What may not be overcommitted is requested as it is limited."""
    for name, request in item.defaultRequest.items():
        if name in item.default and not may_overcommit(name) and nanos(request) != nanos(item.default[name]):
            limit = item.default[name]
            why = (
                f"default value {limit.string} must equal to defaultRequest value {request.string} in {name}"
            )
            causes.append(say.invalid(f"{path}.defaultRequest[{name}]", request, why))


def _fill_item(item: Any) -> None:
    if item.type != "Container":
        return
    for source, target in (
        (item.max, item.default),
        (item.default, item.defaultRequest),
        (item.min, item.defaultRequest),
    ):
        for name in source:
            if name not in target:
                target[name].CopyFrom(source[name])


def _check_types(limits: Any, path: str, causes: Causes) -> None:
    seen: set[str] = set()
    for index, item in enumerate(limits):
        if item.type in seen:
            causes.append(say.duplicate(f"{path}[{index}].type", item.type))
        seen.add(item.type)


LIMIT_RANGE: Final = Table(
    core.LimitRange,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                core.LimitRangeSpec,
                rules=(
                    rule("limits", Checker(_check_types, "each type stands once")),
                    each(
                        "limits",
                        Table(
                            core.LimitRangeItem,
                            rules=(
                                whole("min, defaultRequest, default and max rise in this order", _check_item),
                            ),
                            defaults=(
                                *(rounding(field) for field in _MAPS),
                                default_by(
                                    "default", _fill_item, "max, and defaultRequest is default or min"
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
)

_SCOPES: Final = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
)
_CONFLICTS: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_POD_RESOURCES: Final = frozenset(
    {"pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"}
)


def _check_hard(amounts: Any, path: str, causes: Causes) -> None:
    for name, amount in amounts.items():
        here = f"{path}[{name}]"
        check_resource_name(name, here, causes)
        if "/" not in name and name not in STANDARD_QUOTA and not _quota_huge_pages(name):
            causes.append(say.invalid(here, name, "must be a standard resource for quota"))
        check_amount(name, amount, here, causes)


def _quota_huge_pages(name: str) -> bool:
    return is_huge_pages(name.removeprefix("requests."))


def _applies(scope: str, resource: str) -> bool:
    if scope == "BestEffort":
        return resource == "pods"
    return resource in _POD_RESOURCES or scope not in _SCOPES


def _check_scopes(spec: Any, path: str, causes: Causes) -> None:
    here, scopes = f"{path}.scopes", list(spec.scopes)
    # Each cause shows all scopes: they are written once for each sort of cause.
    wrong: list[str] = []
    for scope in scopes:
        if scope not in _SCOPES:
            wrong.append("unsupported scope")
        for name in sorted(spec.hard):
            if name in STANDARD_QUOTA and not _applies(scope, name):
                wrong.append("unsupported scope applied to resource")
    told = {why: say.invalid(here, scopes, why) for why in set(wrong)}
    causes.extend(told[why] for why in wrong[:MOST_CAUSES])
    for one, other in _CONFLICTS:
        if one in scopes and other in scopes:
            causes.append(say.invalid(here, scopes, "conflicting scopes"))


def _check_selector(spec: Any, path: str, causes: Causes) -> None:
    if not spec.HasField("scopeSelector"):
        return
    here = f"{path}.scopeSelector.matchExpressions"
    names = [requirement.scopeName for requirement in spec.scopeSelector.matchExpressions]
    for requirement in spec.scopeSelector.matchExpressions:
        _check_requirement(requirement, here, causes)
        for name in sorted(spec.hard):
            if name in STANDARD_QUOTA and not _applies(requirement.scopeName, name):
                why = "unsupported scope applied to resource"
                causes.append(say.invalid(here, requirement.scopeName, why))
    for one, other in _CONFLICTS:
        if one in names and other in names:
            causes.append(say.invalid(here, names, "conflicting scopes"))


def _check_requirement(requirement: Any, path: str, causes: Causes) -> None:
    name, operator = requirement.scopeName, requirement.operator
    if name not in _SCOPES:
        causes.append(say.invalid(f"{path}.scopeName", name, "unsupported scope"))
    if name in _SCOPES and name != "PriorityClass" and operator != "Exists":
        why = (
            "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
            "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort "
            "or ResourceQuotaScopeCrossNamespacePodAffinity"
        )
        causes.append(say.invalid(f"{path}.operator", operator, why))
    if operator in ("In", "NotIn"):
        if not requirement.values:
            why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            causes.append(say.required(f"{path}.values", why))
    elif operator in ("Exists", "DoesNotExist"):
        if requirement.values:
            why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            causes.append(say.invalid(f"{path}.values", list(requirement.values), why))
    else:
        causes.append(say.invalid(f"{path}.operator", operator, NOT_AN_OPERATOR))


RESOURCE_QUOTA: Final = Table(
    core.ResourceQuota,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                core.ResourceQuotaSpec,
                rules=(
                    rule("hard", Checker(_check_hard, "known resources, amounts of at least 0")),
                    whole("scopes are known, do not conflict, and fit the resources", _check_scopes),
                    whole(
                        "scope selectors are known, do not conflict, and fit the resources", _check_selector
                    ),
                ),
                defaults=(rounding("hard"),),
            ),
        ),
    ),
)


def _check_scopes_kept(new: Any, old: Any, path: str, causes: Causes) -> None:
    if set(new.spec.scopes) != set(old.spec.scopes):
        causes.append(say.invalid("spec.scopes", list(new.spec.scopes), say.IMMUTABLE))


RULES: Final = (
    ObjectRules(LIMIT_RANGE),
    ObjectRules(RESOURCE_QUOTA, update=(on_update("cannot be changed", _check_scopes_kept, "spec.scopes"),)),
)

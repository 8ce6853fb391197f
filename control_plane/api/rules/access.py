"""Rules and defaults of ServiceAccounts and of roles and their bindings.

Source: Kubernetes' pkg/apis/rbac/validation and pkg/apis/rbac/v1/defaults.go.
"""

from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN, SEGMENT, segment_errors
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN, metadata
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import (
    default,
    default_by,
    each,
    into,
    on_update,
    required,
    whole,
)
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import rbac_v1_pb2 as rbac

GROUP: Final = "rbac.authorization.k8s.io"
_SEGMENT: Final = "not '.' or '..', without '/' and '%'"


def _policy_rule(*, namespaced: bool) -> Table:
    def check(policy: Any, path: str, causes: Causes) -> None:
        if not policy.verbs:
            causes.append(say.required(f"{path}.verbs", "verbs must contain at least one value"))
        if policy.nonResourceURLs:
            here, urls = f"{path}.nonResourceURLs", list(policy.nonResourceURLs)
            if namespaced:
                why = "namespaced rules cannot apply to non-resource URLs"
                causes.append(say.invalid(here, urls, why))
            if policy.apiGroups or policy.resources or policy.resourceNames:
                why = "rules cannot apply to both regular resources and non-resource URLs"
                causes.append(say.invalid(here, urls, why))
            return
        if not policy.apiGroups:
            causes.append(
                say.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
            )
        if not policy.resources:
            causes.append(
                say.required(f"{path}.resources", "resource rules must supply at least one resource")
            )

    says = "verbs, with apiGroups and resources" + ("" if namespaced else ", or with nonResourceURLs")
    return Table(rbac.PolicyRule, rules=(whole(says, check),))


def _check_role_ref(ref: Any, path: str, causes: Causes, kinds: tuple[str, ...]) -> None:
    if ref.apiGroup != GROUP:
        causes.append(say.unsupported(f"{path}.apiGroup", ref.apiGroup, (GROUP,)))
    if ref.kind not in kinds:
        causes.append(say.unsupported(f"{path}.kind", ref.kind, kinds))
    if not ref.name:
        causes.append(say.required(f"{path}.name"))
    else:
        SEGMENT.check(ref.name, f"{path}.name", causes)


def _role_ref(*kinds: str) -> Table:
    return Table(
        rbac.RoleRef,
        rules=(
            whole(
                f"the name of a {' or '.join(kinds)}",
                lambda ref, path, causes: _check_role_ref(ref, path, causes, kinds),
            ),
        ),
        defaults=(default("apiGroup", GROUP),),
    )


def _check_account(subject: Any, path: str, causes: Causes, namespaced: bool) -> None:
    if subject.name:
        DNS_SUBDOMAIN.check(subject.name, f"{path}.name", causes)
    if subject.apiGroup:
        causes.append(say.unsupported(f"{path}.apiGroup", subject.apiGroup, ("",)))
    if not namespaced and not subject.namespace:
        causes.append(say.required(f"{path}.namespace"))


def _subject(*, namespaced: bool) -> Table:
    def check(subject: Any, path: str, causes: Causes) -> None:
        if subject.kind == "ServiceAccount":
            _check_account(subject, path, causes, namespaced)
        elif subject.kind in ("User", "Group"):
            if subject.apiGroup != GROUP:
                causes.append(say.unsupported(f"{path}.apiGroup", subject.apiGroup, (GROUP,)))
        else:
            supported = ("ServiceAccount", "User", "Group")
            causes.append(say.unsupported(f"{path}.kind", subject.kind, supported))

    def fill_group(subject: Any) -> None:
        if not subject.apiGroup and subject.kind in ("User", "Group"):
            subject.apiGroup = GROUP

    return Table(
        rbac.Subject,
        rules=(required("name"), whole("kind is ServiceAccount, User or Group, in its own API group", check)),
        defaults=(default_by("apiGroup", fill_group, f"{GROUP} for User and Group"),),
    )


def _role(message: type[Message], *, namespaced: bool) -> Table:
    return Table(
        message,
        rules=(
            into("metadata", metadata(segment_errors, _SEGMENT, namespaced=namespaced)),
            each("rules", _policy_rule(namespaced=namespaced)),
        ),
    )


def _binding(message: type[Message], *, namespaced: bool) -> Table:
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    return Table(
        message,
        rules=(
            into("metadata", metadata(segment_errors, _SEGMENT, namespaced=namespaced)),
            into("roleRef", _role_ref(*kinds)),
            each("subjects", _subject(namespaced=namespaced)),
        ),
    )


def _check_role_ref_kept(new: Any, old: Any, path: str, causes: Causes) -> None:
    if new.roleRef != old.roleRef:
        causes.append(say.invalid("roleRef", new.roleRef, "cannot change roleRef"))


def _check_aggregation(role: Any, path: str, causes: Causes) -> None:
    if role.HasField("aggregationRule") and not role.aggregationRule.clusterRoleSelectors:
        why = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        causes.append(say.required("aggregationRule.clusterRoleSelectors", why))


_CLUSTER_ROLE: Final = _role(rbac.ClusterRole, namespaced=False)
_ROLE_REF_RULE: Final = on_update("cannot be changed", _check_role_ref_kept, "roleRef")

RULES: Final = (
    ObjectRules(Table(core.ServiceAccount, rules=(into("metadata", NAMED_BY_SUBDOMAIN),))),
    ObjectRules(_role(rbac.Role, namespaced=True)),
    ObjectRules(
        Table(
            rbac.ClusterRole,
            rules=(
                *_CLUSTER_ROLE.rules,
                into(
                    "aggregationRule",
                    Table(rbac.AggregationRule, rules=(each("clusterRoleSelectors", LABEL_SELECTOR),)),
                ),
                whole("an aggregation rule has selectors", _check_aggregation),
            ),
        )
    ),
    ObjectRules(_binding(rbac.RoleBinding, namespaced=True), update=(_ROLE_REF_RULE,)),
    ObjectRules(_binding(rbac.ClusterRoleBinding, namespaced=False), update=(_ROLE_REF_RULE,)),
)

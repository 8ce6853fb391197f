"""Rules and defaults of StatefulSets, ControllerRevisions and ReplicationControllers.

Source: Kubernetes' pkg/apis/apps/validation, pkg/apis/apps/v1/defaults.go and pkg/apis/core/validation.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import COUNT_OR_PERCENT, NON_NEGATIVE, NOT_OVER_100_PERCENT, one_of
from control_plane.api.rules.claims import CLAIM_BODY
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import (
    default,
    default_by,
    default_pointer,
    each,
    immutable,
    into,
    on_update,
    required_message,
    rule,
    whole,
)
from control_plane.api.rules.selectors import LABEL_SELECTOR
from control_plane.api.rules.templates import (
    NO_MATCH,
    check_template_of_claims,
    selector_rule,
    template_rule,
)
from control_plane.api.rules.workloads import check_replica_status, is_zero
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

_CHANGEABLE: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_MUTABLE: Final = (
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
)


def _check_management(spec: Any, path: str, causes: Causes) -> None:
    policy = spec.podManagementPolicy
    if not policy:
        causes.append(say.required(path))
    elif policy not in ("OrderedReady", "Parallel"):
        causes.append(say.invalid(path, policy, "must be 'OrderedReady' or 'Parallel'"))


ROLLING: Final = Table(
    apps.RollingUpdateStatefulSetStrategy,
    rules=(
        rule("partition", NON_NEGATIVE),
        rule("maxUnavailable", COUNT_OR_PERCENT),
        rule("maxUnavailable", NOT_OVER_100_PERCENT),
    ),
)


def _check_strategy(strategy: Any, path: str, causes: Causes) -> None:
    here = f"{path}.rollingUpdate"
    if not strategy.type:
        causes.append(say.required(path))
    elif strategy.type == "OnDelete":
        if strategy.HasField("rollingUpdate"):
            why = "only allowed for updateStrategy 'RollingUpdate'"
            causes.append(say.invalid(here, strategy.rollingUpdate, why))
    elif strategy.type == "RollingUpdate":
        if strategy.HasField("rollingUpdate"):
            ROLLING.check(strategy.rollingUpdate, here, causes)
            if strategy.rollingUpdate.HasField("maxUnavailable") and is_zero(
                strategy.rollingUpdate.maxUnavailable
            ):
                value = strategy.rollingUpdate.maxUnavailable
                causes.append(say.invalid(f"{here}.maxUnavailable", value, "cannot be 0"))
    else:
        causes.append(say.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"))


def _fill_strategy(strategy: Any) -> None:
    if not strategy.type:
        strategy.type = "RollingUpdate"
    if strategy.type == "RollingUpdate" and not strategy.rollingUpdate.HasField("partition"):
        strategy.rollingUpdate.partition = 0


def _fill_retention(spec: Any) -> None:
    policy = spec.persistentVolumeClaimRetentionPolicy
    policy.whenDeleted = policy.whenDeleted or "Retain"
    policy.whenScaled = policy.whenScaled or "Retain"


_RETENTION: Final = one_of("Delete", "Retain")

STATEFUL_SET_SPEC: Final = Table(
    apps.StatefulSetSpec,
    rules=(
        whole("podManagementPolicy is OrderedReady or Parallel", _check_management, at="podManagementPolicy"),
        into(
            "updateStrategy",
            Table(
                apps.StatefulSetUpdateStrategy,
                rules=(
                    into("rollingUpdate", ROLLING, checked=False),
                    whole("type is RollingUpdate or OnDelete", _check_strategy),
                ),
                defaults=(default_by("type", _fill_strategy, "RollingUpdate, with partition 0"),),
            ),
        ),
        rule("replicas", NON_NEGATIVE),
        rule("minReadySeconds", NON_NEGATIVE),
        into("selector", LABEL_SELECTOR),
        selector_rule("statefulset"),
        template_rule("StatefulSet"),
        # The pods' volumes may be the claims' too: check_template_of_claims knows both.
        into("template", POD_TEMPLATE, checked=False),
        whole("the template is that of a pod; it may mount the claims", check_template_of_claims),
        each("volumeClaimTemplates", CLAIM_BODY, checked=False),
        into(
            "persistentVolumeClaimRetentionPolicy",
            Table(
                apps.StatefulSetPersistentVolumeClaimRetentionPolicy,
                rules=(rule("whenDeleted", _RETENTION), rule("whenScaled", _RETENTION)),
            ),
        ),
        into("ordinals", Table(apps.StatefulSetOrdinals, rules=(rule("start", NON_NEGATIVE),))),
    ),
    defaults=(
        default("podManagementPolicy", "OrderedReady"),
        default_pointer("replicas", 1),
        default_pointer("revisionHistoryLimit", 10),
        default_by("persistentVolumeClaimRetentionPolicy", _fill_retention, "Retain and Retain"),
    ),
)


def _check_stateful_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    copy = apps.StatefulSetSpec()
    copy.CopyFrom(new.spec)
    for name in _MUTABLE:
        copy.ClearField(name)
        descriptor = copy.DESCRIPTOR.fields_by_name[name]
        if not descriptor.has_presence:
            setattr(copy, name, getattr(old.spec, name))
        elif old.spec.HasField(name):
            if descriptor.message_type is not None:
                getattr(copy, name).CopyFrom(getattr(old.spec, name))
            else:
                setattr(copy, name, getattr(old.spec, name))
    if copy != old.spec:
        causes.append(say.forbidden("spec", _CHANGEABLE))


def _check_rc_selector(spec: Any, path: str, causes: Causes) -> None:
    if not spec.selector:
        causes.append(say.required(f"{path}.selector"))
        return
    labels = spec.template.metadata.labels
    if spec.HasField("template") and any(labels.get(key) != value for key, value in spec.selector.items()):
        causes.append(say.invalid(f"{path}.template.metadata.labels", dict(labels), NO_MATCH))


def _fill_rc(controller: Any) -> None:
    labels = controller.spec.template.metadata.labels
    if labels:
        if not controller.spec.selector:
            controller.spec.selector.update(labels)
        if not controller.metadata.labels:
            controller.metadata.labels.update(labels)


REPLICATION_CONTROLLER: Final = Table(
    core.ReplicationController,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                core.ReplicationControllerSpec,
                rules=(
                    rule("minReadySeconds", NON_NEGATIVE),
                    whole("selector is required and matches the template's labels", _check_rc_selector),
                    rule("replicas", NON_NEGATIVE),
                    required_message("template"),
                    into("template", POD_TEMPLATE),
                    template_rule("ReplicationController"),
                ),
                defaults=(default_pointer("replicas", 1),),
            ),
        ),
    ),
    defaults=(default_by("spec", _fill_rc, "the template's labels as selector and as labels"),),
)

RULES: Final = (
    ObjectRules(
        Table(
            apps.StatefulSet,
            rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", STATEFUL_SET_SPEC)),
        ),
        update=(
            on_update(
                "only replicas, template, updateStrategy and such may change", _check_stateful_update, "spec"
            ),
        ),
    ),
    ObjectRules(
        Table(
            apps.ControllerRevision,
            rules=(
                into("metadata", NAMED_BY_SUBDOMAIN),
                required_message("data", why="data is mandatory"),
                rule("revision", NON_NEGATIVE),
            ),
        ),
        update=(immutable("data"),),
    ),
    ObjectRules(
        REPLICATION_CONTROLLER,
        status=(on_update("counts are not negative and fit together", check_replica_status, "status"),),
    ),
)

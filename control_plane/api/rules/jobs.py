"""Rules and defaults of Jobs, and the labels by which a Job knows its pods.

Source: Kubernetes' pkg/apis/batch/validation, pkg/apis/batch/v1/defaults.go and pkg/registry/batch/job.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import NON_NEGATIVE, one_of
from control_plane.api.rules.engine import Causes, Nested, Rule, Table
from control_plane.api.rules.jobpolicies import FAILURE_POLICY, SUCCESS_POLICY
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import (
    default_by,
    default_pointer,
    into,
    on_update,
    rule,
    whole,
)
from control_plane.api.rules.selectors import LABEL_SELECTOR
from control_plane.api.rules.templates import check_template_matches
from knarr.api import selectors
from knarr.api.errors import SelectorError
from knarr.proto.kubernetes import batch_v1_pb2 as batch

PREFIX: Final = "batch.kubernetes.io/"
UID_LABEL: Final = "controller-uid"
NAME_LABEL: Final = "job-name"
_MAX_BACKOFF: Final = 2**31 - 1
_RESTART: Final = ("OnFailure", "Never")


def generate_selector(job: batch.Job) -> None:
    """Give a Job whose selector is not its author's own the labels and the selector of its uid.

    What the author set of them stays, and is refused by validation where it is wrong.
    """
    if job.spec.manualSelector:
        return
    labels = job.spec.template.metadata.labels
    for name, value in ((NAME_LABEL, job.metadata.name), (UID_LABEL, job.metadata.uid)):
        for key in (name, PREFIX + name):
            if key not in labels:
                labels[key] = value
    match = job.spec.selector.matchLabels
    if PREFIX + UID_LABEL not in match and UID_LABEL not in match:
        match[PREFIX + UID_LABEL] = job.metadata.uid


def carry_over(new: batch.Job, old: batch.Job) -> None:
    """Read the generated selector and labels by their names of before Kubernetes 1.27 as what they are."""
    uid = old.metadata.uid
    if new.spec.manualSelector or new.spec.template.metadata.labels.get(UID_LABEL) != uid:
        return
    labels, before = new.spec.template.metadata.labels, old.spec.template.metadata.labels
    for name in (UID_LABEL, NAME_LABEL):
        if PREFIX + name in before and PREFIX + name not in labels:
            labels[PREFIX + name] = before[PREFIX + name]
    if dict(new.spec.selector.matchLabels) == {UID_LABEL: uid} and not new.spec.selector.matchExpressions:
        new.spec.selector.CopyFrom(old.spec.selector)


def _check_restart(spec: Any, path: str, causes: Causes) -> None:
    policy, here = spec.template.spec.restartPolicy, f"{path}.template.spec.restartPolicy"
    if policy in ("", "Always"):
        causes.append(say.required(here, 'valid values: "OnFailure", "Never"'))
    elif policy not in _RESTART:
        causes.append(say.unsupported(here, policy, _RESTART))


def _check_indexed(spec: Any, path: str, causes: Causes) -> None:
    indexed = spec.completionMode == "Indexed"
    if indexed and not spec.HasField("completions"):
        causes.append(say.required(f"{path}.completions", "when completion mode is Indexed"))
    for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
        if spec.HasField(name) and not indexed:
            value = getattr(spec, name)
            causes.append(say.invalid(f"{path}.{name}", value, "requires indexed completion mode"))
    if spec.HasField("maxFailedIndexes") and not spec.HasField("backoffLimitPerIndex"):
        why = "when maxFailedIndexes is specified"
        causes.append(say.required(f"{path}.backoffLimitPerIndex", why))
    if spec.HasField("podFailurePolicy"):
        if spec.template.spec.restartPolicy != "Never":
            here = f"{path}.template.spec.restartPolicy"
            why = 'only "Never" is supported when podFailurePolicy is specified'
            causes.append(say.invalid(here, spec.template.spec.restartPolicy, why))
        if spec.podReplacementPolicy not in ("", "Failed"):
            supported = ("Failed",)
            causes.append(
                say.unsupported(f"{path}.podReplacementPolicy", spec.podReplacementPolicy, supported)
            )
    if spec.HasField("successPolicy") and not indexed:
        causes.append(say.invalid(f"{path}.successPolicy", None, "requires indexed completion mode"))


_COUNTS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
SPEC_RULES: Final[tuple[Rule | Nested, ...]] = (
    *(rule(name, NON_NEGATIVE) for name in _COUNTS),
    rule("completionMode", one_of("NonIndexed", "Indexed")),
    rule("podReplacementPolicy", one_of("Failed", "TerminatingOrFailed")),
    whole("completions, limits per index and policies fit the completion mode", _check_indexed),
    into("podFailurePolicy", FAILURE_POLICY),
    into("successPolicy", SUCCESS_POLICY),
    into("template", POD_TEMPLATE),
    whole("restartPolicy of the template is OnFailure or Never", _check_restart),
)


def _fill_job_spec(spec: Any) -> None:
    if not spec.HasField("parallelism"):
        if not spec.HasField("completions"):
            spec.completions = 1
        spec.parallelism = 1
    if not spec.HasField("backoffLimit"):
        spec.backoffLimit = _MAX_BACKOFF if spec.HasField("backoffLimitPerIndex") else 6
    if not spec.HasField("podReplacementPolicy"):
        failing = spec.HasField("podFailurePolicy")
        spec.podReplacementPolicy = "Failed" if failing else "TerminatingOrFailed"


def _check_selector(spec: Any, path: str, causes: Causes) -> None:
    if not spec.HasField("selector"):
        causes.append(say.required(f"{path}.selector"))
    check_template_matches(spec, path, causes)


JOB_SPEC: Final = Table(
    batch.JobSpec,
    rules=(
        *SPEC_RULES,
        into("selector", LABEL_SELECTOR),
        whole("the selector matches the template's labels", _check_selector),
    ),
    defaults=(
        default_by(
            "parallelism",
            _fill_job_spec,
            "1, as are completions when both are absent; backoffLimit 6; "
            "podReplacementPolicy TerminatingOrFailed",
        ),
        default_pointer("completionMode", "NonIndexed"),
        default_pointer("suspend", False),
    ),
)


def _check_generated(job: Any, path: str, causes: Causes) -> None:
    """Unless the author manages the selector, it and the labels are those of generate_selector."""
    if job.spec.manualSelector or not job.spec.HasField("selector"):
        return
    labels = job.spec.template.metadata.labels
    expected = {
        prefix + name: value
        for prefix in ("", PREFIX)
        for name, value in ((UID_LABEL, job.metadata.uid), (NAME_LABEL, job.metadata.name))
    }
    for key, value in expected.items():
        here = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            causes.append(say.required(here, f"must be '{value}'"))
        elif labels[key] != value:
            causes.append(say.invalid(here, dict(labels), f"must be '{value}'"))
    try:
        matches = selectors.from_message(job.spec.selector).matches(expected)
    except SelectorError:
        return
    if not matches:
        why = "`selector` not auto-generated"
        causes.append(say.invalid("spec.selector", job.spec.selector, why))


def _fill_job_labels(job: Any) -> None:
    if not job.metadata.labels:
        job.metadata.labels.update(job.spec.template.metadata.labels)


JOB: Final = Table(
    batch.Job,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into("spec", JOB_SPEC),
        whole("the selector is generated, unless manualSelector is true", _check_generated),
    ),
    defaults=(default_by("metadata", _fill_job_labels, "the labels of the template"),),
)


def _check_job_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    indexed = old.spec.completionMode == "Indexed"
    if new.spec.HasField("completions") != old.spec.HasField("completions") or (
        new.spec.completions != old.spec.completions
        and not (indexed and new.spec.completions == new.spec.parallelism)
    ):
        value = new.spec.completions if new.spec.HasField("completions") else None
        causes.append(say.invalid("spec.completions", value, say.IMMUTABLE))
    if new.spec.selector != old.spec.selector:
        causes.append(say.invalid("spec.selector", new.spec.selector, say.IMMUTABLE))
    if _fixed_template(new, old) != old.spec.template:
        causes.append(say.invalid("spec.template", new.spec.template, say.IMMUTABLE))
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        if getattr(new.spec, name) != getattr(old.spec, name):
            causes.append(say.invalid(f"spec.{name}", getattr(new.spec, name), say.IMMUTABLE))


def _fixed_template(new: Any, old: Any) -> Any:
    """The new template; of a job that was suspended and never started, with its scheduling as it was."""
    template = type(new.spec.template)()
    template.CopyFrom(new.spec.template)
    if not old.spec.suspend or old.status.HasField("startTime"):
        return template
    before = old.spec.template
    for field in ("labels", "annotations"):
        values = getattr(template.metadata, field)
        values.clear()
        values.update(getattr(before.metadata, field))
    template.spec.nodeSelector.clear()
    template.spec.nodeSelector.update(before.spec.nodeSelector)
    for field in ("tolerations", "schedulingGates"):
        template.spec.ClearField(field)
        getattr(template.spec, field).extend(getattr(before.spec, field))
    template.spec.ClearField("affinity")
    if before.spec.HasField("affinity"):
        template.spec.affinity.CopyFrom(before.spec.affinity)
    return template


RULES: Final = (
    ObjectRules(
        JOB, update=(on_update("completions, selector and template stay", _check_job_update, "spec"),)
    ),
)

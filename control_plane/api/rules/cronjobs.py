"""Rules and defaults of CronJobs.

Source: Kubernetes' pkg/apis/batch/validation and pkg/apis/batch/v1/defaults.go.
"""

from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import LABELS, NON_NEGATIVE, one_of
from control_plane.api.rules.cron import schedule_error
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.jobs import SPEC_RULES
from control_plane.api.rules.metadata import ANNOTATIONS, NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default, default_pointer, into, required, rule, whole
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import meta_v1_pb2 as meta

_MAX_NAME: Final = 52
_NO_EXPLICIT_ZONE: Final = (
    "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
)


def _check_template_selector(spec: Any, path: str, causes: Causes) -> None:
    if spec.HasField("selector"):
        why = "`selector` will be auto-generated"
        causes.append(say.invalid(f"{path}.selector", spec.selector, why))
    if spec.manualSelector:
        causes.append(say.unsupported(f"{path}.manualSelector", True, ("nil", "false")))


JOB_TEMPLATE: Final = Table(
    batch.JobTemplateSpec,
    rules=(
        into(
            "metadata",
            Table(meta.ObjectMeta, rules=(rule("labels", LABELS), rule("annotations", ANNOTATIONS))),
        ),
        into(
            "spec",
            Table(
                batch.JobSpec,
                rules=(
                    *SPEC_RULES,
                    whole("selector and manualSelector are not set", _check_template_selector),
                ),
            ),
        ),
    ),
)


def _check_schedule(spec: Any, path: str, causes: Causes) -> None:
    text = spec.schedule
    if not text:
        causes.append(say.required(path))
        return
    error = schedule_error(text)
    if error:
        causes.append(say.invalid(path, text, error))
    if "TZ" in text:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        causes.append(say.invalid(path, text, why))


@cache
def _zones() -> frozenset[str]:
    """The names of the IANA database; finding them takes a walk over the disk."""
    return frozenset(available_timezones())


def _check_zone(spec: Any, path: str, causes: Causes) -> None:
    if not spec.HasField("timeZone"):
        return
    name = spec.timeZone
    if not name:
        causes.append(say.invalid(path, name, "timeZone must be nil or non-empty string"))
    elif name.lower() == "local":
        causes.append(say.invalid(path, name, _NO_EXPLICIT_ZONE))
    elif name not in _zones():
        causes.append(say.invalid(path, name, f"unknown time zone {name}"))


def _check_name(cron: Any, path: str, causes: Causes) -> None:
    """A job's name has eleven more characters."""
    if len(cron.metadata.name.encode()) > _MAX_NAME:
        why = f"must be no more than {_MAX_NAME} characters"
        causes.append(say.invalid("metadata.name", cron.metadata.name, why))


CRON_JOB: Final = Table(
    batch.CronJob,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        whole("the name has up to 52 characters", _check_name),
        into(
            "spec",
            Table(
                batch.CronJobSpec,
                rules=(
                    whole(
                        "schedule is five fields as of cron, or @daily and its kin",
                        _check_schedule,
                        at="schedule",
                    ),
                    whole("timeZone is a name of the IANA database", _check_zone, at="timeZone"),
                    rule("startingDeadlineSeconds", NON_NEGATIVE),
                    required("concurrencyPolicy"),
                    rule("concurrencyPolicy", one_of("Allow", "Forbid", "Replace")),
                    into("jobTemplate", JOB_TEMPLATE),
                    rule("successfulJobsHistoryLimit", NON_NEGATIVE),
                    rule("failedJobsHistoryLimit", NON_NEGATIVE),
                ),
                defaults=(
                    default("concurrencyPolicy", "Allow"),
                    default_pointer("suspend", False),
                    default_pointer("successfulJobsHistoryLimit", 3),
                    default_pointer("failedJobsHistoryLimit", 1),
                ),
            ),
        ),
    ),
)

RULES: Final = (ObjectRules(CRON_JOB),)

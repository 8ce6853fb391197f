"""Tables of jobs and cron jobs, as kubectl's."""

from control_plane.api.tables.columns import (
    AGED,
    AGES,
    INTEGER,
    NAME,
    NONE,
    TEMPLATE,
    UNSET,
    WIDE,
    Column,
    Columns,
    age,
    images,
    selector,
    timestamp,
)
from knarr import ages
from knarr.proto.kubernetes import batch_v1_pb2 as batch

_SELECTED = (*TEMPLATE, Column("Selector", WIDE))
# Conditions that are told, the first that holds; a deletion under way is told between the two groups.
_ENDS = ("Complete", "Failed")
_STATES = ("Suspended", "FailureTarget")


def _status(job: batch.Job) -> str:
    holding = {found.type for found in job.status.conditions if found.status == "True"}
    ended = next((each for each in _ENDS if each in holding), "")
    if ended:
        return ended
    if job.metadata.HasField("deletionTimestamp"):
        return "Terminating"
    return next((each for each in _STATES if each in holding), "Running")


def _completions(job: batch.Job) -> str:
    done, spec = job.status.succeeded, job.spec
    if spec.HasField("completions"):
        return f"{done}/{spec.completions}"
    return f"{done}/1 of {spec.parallelism}" if spec.parallelism > 1 else f"{done}/1"


def _duration(job: batch.Job) -> str:
    """How long it took, or the time since which it has been running; empty before."""
    status = job.status
    if not status.HasField("startTime"):
        return ""
    if not status.HasField("completionTime"):
        return timestamp(status.startTime)
    return ages.age(status.completionTime.seconds - status.startTime.seconds)


def _job(job: batch.Job) -> list[str]:
    return [
        _status(job),
        _completions(job),
        _duration(job),
        age(job.metadata),
        *images(job.spec.template.spec),
        selector(job.spec.selector),
    ]


def _cron_job(found: batch.CronJob) -> list[str]:
    spec = found.spec
    return [
        spec.schedule,
        spec.timeZone if spec.HasField("timeZone") else NONE,
        str(spec.suspend) if spec.HasField("suspend") else UNSET,
        str(len(found.status.active)),
        timestamp(found.status.lastScheduleTime) or NONE,
        age(found.metadata),
        *images(spec.jobTemplate.spec.template.spec),
        selector(spec.jobTemplate.spec.selector),
    ]


JOBS = Columns(
    (NAME, Column("Status"), Column("Completions"), Column("Duration", 0, AGES), AGED, *_SELECTED), _job
)
CRON_JOBS = Columns(
    (
        NAME,
        Column("Schedule"),
        Column("Timezone"),
        Column("Suspend"),
        Column("Active", 0, INTEGER),
        Column("Last Schedule", 0, AGES),
        AGED,
        *_SELECTED,
    ),
    _cron_job,
)

"""Descriptions of jobs and cron jobs."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.ages import age
from knarr.api.selectors import from_message
from knarr.cli.describing.text import Text
from knarr.cli.describing.workload import template, trouble
from knarr.proto.kubernetes import batch_v1_pb2 as batch


def describe_job(text: Text, obj: batch.Job, related: Sequence[Message]) -> None:
    """How often it shall run and has run, template, and what keeps pods from running."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Selector", from_message(spec.selector))
    text.field("Parallelism", spec.parallelism)
    text.field("Completions", spec.completions if spec.HasField("completions") else "")
    text.field("Completion mode", spec.completionMode)
    text.field("Backoff limit", spec.backoffLimit)
    if spec.suspend:
        text.field("Suspended", "yes")
    text.time("Started", status.startTime)
    text.time("Completed", status.completionTime)
    if status.completionTime.seconds:
        text.field("Duration", age(status.completionTime.seconds - status.startTime.seconds))
    text.field("Pods", f"{status.active} active | {status.succeeded} succeeded | {status.failed} failed")
    template(text, spec.template)
    text.conditions(status.conditions)
    trouble(text, related)


def describe_cron_job(text: Text, obj: batch.CronJob, related: Sequence[Message]) -> None:
    """When it runs, when it ran last, and what it runs."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Schedule", spec.schedule + (f" ({spec.timeZone})" if spec.timeZone else ""))
    text.field("Concurrency", spec.concurrencyPolicy)
    text.field("Suspended", "yes" if spec.suspend else "no")
    if spec.HasField("startingDeadlineSeconds"):
        text.field("Starting deadline", f"{spec.startingDeadlineSeconds}s")
    text.field("Kept jobs", f"{spec.successfulJobsHistoryLimit} done, {spec.failedJobsHistoryLimit} failed")
    text.time("Last scheduled", status.lastScheduleTime)
    text.time("Last success", status.lastSuccessfulTime)
    text.listing("Active jobs", [found.name for found in status.active])
    template(text, spec.jobTemplate.spec.template)

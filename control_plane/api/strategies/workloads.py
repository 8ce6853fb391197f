"""What the server writes into jobs and daemon sets.

Source: Kubernetes' pkg/registry/batch/job/strategy.go and pkg/registry/apps/daemonset/strategy.go.
"""

from typing import Final

from control_plane.api.rules.daemons import TEMPLATE_GENERATION
from control_plane.api.rules.jobs import carry_over, generate_selector
from control_plane.api.strategies.strategy import Strategy
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch


def _keep_count(new: apps.DaemonSet, old: apps.DaemonSet) -> None:
    """How often the template has changed is the server's to count, though it stands in an annotation."""
    before = old.metadata.annotations.get(TEMPLATE_GENERATION, "")
    if before:
        new.metadata.annotations[TEMPLATE_GENERATION] = before


def _count_template(new: apps.DaemonSet, old: apps.DaemonSet) -> None:
    before = old.metadata.annotations.get(TEMPLATE_GENERATION, "")
    if new.spec.template != old.spec.template and before.isascii() and before.isdecimal():
        new.metadata.annotations[TEMPLATE_GENERATION] = str(int(before) + 1)


def _begin_job(job: batch.Job) -> None:
    """A job without labels takes those of its template, the generated too; where the template has none of its
    own, once they are found valid."""
    if job.spec.template.metadata.labels:
        generate_selector(job)


def _label_job(job: batch.Job) -> None:
    if not job.metadata.labels:
        job.metadata.labels.update(job.spec.template.metadata.labels)


JOB: Final = Strategy(
    create=_begin_job, finish_create=generate_selector, update=carry_over, canonicalize=_label_job
)
DAEMON_SET: Final = Strategy(update=_keep_count, finish_update=_count_template)

"""What the server writes into jobs and daemon sets.

Source: Kubernetes' pkg/registry/batch/job/strategy.go and pkg/registry/apps/daemonset/strategy.go.
"""

from typing import Final

from control_plane.api.rules.daemons import TEMPLATE_GENERATION
from control_plane.api.rules.jobs import carry_over, generate_selector
from control_plane.api.strategies.strategy import Strategy
from knarr.proto.kubernetes import apps_v1_pb2 as apps


def _keep_count(new: apps.DaemonSet, old: apps.DaemonSet) -> None:
    """How often the template has changed is the server's to count, though it stands in an annotation."""
    before = old.metadata.annotations.get(TEMPLATE_GENERATION, "")
    if before:
        new.metadata.annotations[TEMPLATE_GENERATION] = before


def _count_template(new: apps.DaemonSet, old: apps.DaemonSet) -> None:
    before = old.metadata.annotations.get(TEMPLATE_GENERATION, "")
    if new.spec.template != old.spec.template and before.isascii() and before.isdecimal():
        new.metadata.annotations[TEMPLATE_GENERATION] = str(int(before) + 1)


# The selector comes before defaults: a job without labels takes those of its template, the generated too.
JOB: Final = Strategy(create=generate_selector, update=carry_over)
DAEMON_SET: Final = Strategy(update=_keep_count, finish_update=_count_template)

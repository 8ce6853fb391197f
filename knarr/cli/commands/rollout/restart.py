"""knarr rollout restart: new pods in place of all, as a rollout."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from knarr.api.kinds import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from knarr.cli.choosing import Found, Wanted, chooses, named_or_selected
from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.writing import Writing, writes
from knarr.clock import SystemClock
from knarr.proto.kubernetes import apps_v1_pb2 as apps

RESTARTED = "kubectl.kubernetes.io/restartedAt"  # kubectl's, so that either tool sees the other's restarts


@knarr_command("restart", short_help="Replace all pods")
@chooses()
@writes("knarr-rollout")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Replace all pods of deployments, stateful sets and daemon sets, as a change of their template would.

    \b
      knarr rollout restart deploy/web
      knarr rollout restart deploy -l app=web
    """
    which = named_or_selected(wanted, invocation)
    if any(each.target.kind not in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET) for each in which):
        raise Failure("only deployments, stateful sets and daemon sets can be restarted", USAGE)
    now = datetime.fromtimestamp(SystemClock().now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def patch(found: Found) -> Mapping[str, Any]:
        if isinstance(found.obj, apps.Deployment) and found.obj.spec.paused:
            raise Failure(f"{found.target} is paused; `knarr rollout resume` it first", FAILED)
        return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: now}}}}}

    invocation.run(lambda client: patch_each(client, wanted, which, patch, writing, "restarted"))

"""The served kinds that are stored and validated, and on which nothing acts yet.

An object of such a kind is accepted with one warning for the whole of it: to refuse single fields, or to warn
of each, would say that the others do something. When something begins to act on a kind, its row goes from
here and its fields get their verdicts in knarr.api.support_table and knarr.api.support_honoured.
"""

from typing import Final

from knarr.api import kinds
from knarr.api.kinds import Kind

REASONS: Final[dict[Kind, str]] = {
    kinds.REPLICATION_CONTROLLER: "no controller makes its pods; use a Deployment",
    kinds.STATEFUL_SET: "no controller makes its pods",
    kinds.DAEMON_SET: "no controller makes its pods",
    kinds.JOB: "no controller makes its pods",
    kinds.CRON_JOB: "no controller makes its jobs",
    kinds.HORIZONTAL_POD_AUTOSCALER: "no controller sets the replicas of its target",
    kinds.ENDPOINTS: "no traffic is led to its addresses",
    kinds.ENDPOINT_SLICE: "no traffic is led to its addresses",
    kinds.INGRESS: "no traffic is led to its backends",
    kinds.INGRESS_CLASS: "no controller serves it",
    kinds.NETWORK_POLICY: "no traffic is held back",
    kinds.SERVICE_ACCOUNT: "pods get no tokens for the API",
    kinds.ROLE: "nothing is allowed or denied by it",
    kinds.ROLE_BINDING: "nothing is allowed or denied by it",
    kinds.CLUSTER_ROLE: "nothing is allowed or denied by it",
    kinds.CLUSTER_ROLE_BINDING: "nothing is allowed or denied by it",
}
STORED: Final = {
    kind.name: f"{kind.name} is stored, but nothing acts on it yet: {reason}"
    for kind, reason in REASONS.items()
}

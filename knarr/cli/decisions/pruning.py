"""Which objects are no longer in the files. Pure.

An object is pruned only when all of this holds: it has the labels that the files' objects have by --prune's
rule, it is of an allowed kind, in a namespace that the files speak of, was applied by the same field manager,
belongs to no controller, and stands in no file. What somebody else made is never pruned.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.api.owners import controller_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.resources import find_kind
from knarr.client import metadata_of

# Not among them, unless named by --prune-allowlist: what holds data or everything else (namespaces, volumes
# and their claims), and what has no namespace.
ALLOWED: Final = (
    kinds.CONFIG_MAP,
    kinds.SECRET,
    kinds.SERVICE,
    kinds.SERVICE_ACCOUNT,
    kinds.POD,
    kinds.REPLICATION_CONTROLLER,
    kinds.DEPLOYMENT,
    kinds.REPLICA_SET,
    kinds.STATEFUL_SET,
    kinds.DAEMON_SET,
    kinds.JOB,
    kinds.CRON_JOB,
    kinds.INGRESS,
    kinds.HORIZONTAL_POD_AUTOSCALER,
    kinds.POD_DISRUPTION_BUDGET,
)


@dataclass(frozen=True, slots=True)
class Key:
    """Which object: its kind's name, namespace and name."""

    kind: str
    namespace: str
    name: str


def allowed(names: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds that --prune-allowlist names ("apps/v1/Deployment", "deployments"), or those that are
    allowed without it; raises Failure."""
    given = [name for text in names for name in text.split(",") if name]
    return tuple(_kind(name) for name in given) if given else ALLOWED


def _kind(name: str) -> Kind:
    parts = name.split("/")
    if len(parts) > 3:
        raise Failure(f'--prune-allowlist: "{name}": write GROUP/VERSION/KIND or a kind\'s name', USAGE)
    return find_kind(parts[-1])


def superfluous(live: Iterable[Message], kept: Collection[Key], manager: str) -> list[Message]:
    """Those of the objects, all with the right labels, kind and namespace, that are to go."""
    return [
        obj
        for obj in live
        if key_of(obj) not in kept and _applied_by(obj, manager) and not _belongs(obj) and not _ends(obj)
    ]


def key_of(obj: Message) -> Key:
    metadata = metadata_of(obj)
    return Key(kinds.of(obj).name, metadata.namespace, metadata.name)


def _applied_by(obj: Message, manager: str) -> bool:
    return any(
        entry.manager == manager and entry.operation == "Apply" and not entry.subresource
        for entry in metadata_of(obj).managedFields
    )


def _belongs(obj: Message) -> bool:
    return controller_of(metadata_of(obj)) is not None


def _ends(obj: Message) -> bool:
    return metadata_of(obj).HasField("deletionTimestamp")

"""Which pods leave a node that is drained, which stay, and which forbid it. Pure; the rules are kubectl's."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from knarr.api.owners import controller_of
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import core_v1_pb2 as core

MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the person at the command line accepts to lose."""

    ignore_daemonsets: bool = False
    delete_emptydir_data: bool = False
    force: bool = False
    skip_deleted_after_s: float | None = None  # pods that have been ending for longer are not waited for


@dataclass(slots=True)
class Verdicts:
    """The pods of a node, sorted."""

    leave: list[core.Pod] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def judge(
    pods: Sequence[core.Pod], daemon_sets: Collection[tuple[str, str]], permitted: Permissions, now: float
) -> Verdicts:
    """What becomes of each pod; with any refusal, nothing may leave. `daemon_sets` are those that exist, by
    namespace and name; `now` in seconds since 1970."""
    verdicts = Verdicts()
    groups: dict[str, list[str]] = {}
    refused: dict[str, list[str]] = {}
    for pod in pods:
        if MIRROR in pod.metadata.annotations or _has_long_ended(pod, permitted, now):
            continue
        if is_finished(pod):
            verdicts.leave.append(pod)
            continue
        stays, told, reasons = _of_running(pod, daemon_sets, permitted)
        name = f"{pod.metadata.namespace}/{pod.metadata.name}"
        for text in told:
            groups.setdefault(text, []).append(name)
        for text in reasons:
            refused.setdefault(text, []).append(name)
        if not stays and not reasons:
            verdicts.leave.append(pod)
    verdicts.warnings = [f"{text}: {', '.join(names)}" for text, names in groups.items()]
    verdicts.refusals = [f"{text}: {', '.join(names)}" for text, names in refused.items()]
    return verdicts


def _of_running(
    pod: core.Pod, daemon_sets: Collection[tuple[str, str]], permitted: Permissions
) -> tuple[bool, list[str], list[str]]:
    """(whether it stays, what to warn of, why it forbids the drain)."""
    owner = controller_of(pod.metadata)
    told: list[str] = []
    refused: list[str] = []
    if (
        owner is not None
        and owner.kind == "DaemonSet"
        and (pod.metadata.namespace, owner.name) in daemon_sets
    ):
        if permitted.ignore_daemonsets:
            return True, ["left where they are, as DaemonSets put them there"], []
        return True, [], ["DaemonSets would put them back (--ignore-daemonsets leaves them)"]
    if owner is None or owner.kind == "DaemonSet":  # whose DaemonSet is gone
        text = "no controller makes them anew elsewhere"
        (told if permitted.force else refused).append(
            f"deleted for good, as {text}" if permitted.force else f"{text} (--force deletes them for good)"
        )
    if any(volume.volumeSource.HasField("emptyDir") for volume in pod.spec.volumes):
        if permitted.delete_emptydir_data:
            told.append("the data in their emptyDir volumes is lost")
        else:
            refused.append("they have data in emptyDir volumes (--delete-emptydir-data loses it)")
    return False, told, refused


def _has_long_ended(pod: core.Pod, permitted: Permissions, now: float) -> bool:
    limit_s = permitted.skip_deleted_after_s
    if limit_s is None or not pod.metadata.HasField("deletionTimestamp"):
        return False
    return now - pod.metadata.deletionTimestamp.seconds > limit_s

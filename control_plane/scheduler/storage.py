"""Claims, volumes and classes as the scheduler sees them, and which volumes pods that were placed are to get.

A claim of a class that waits for its consumer has no volume until its pod has a node. Placing the pod keeps a
volume for it here, so that the next decision sees it taken; taking the pod off gives it back. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from control_plane.scheduler.shape import NodeTerm
from control_plane.scheduler.shaping import compile_node_terms
from control_plane.volumes.matching import capacity, fits, points_at, waits_for_consumer
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

Name = tuple[str, str]  # namespace and name of a claim
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and the nodes that reach it: one of the terms; None: all."""

    volume: core.PersistentVolume
    terms: tuple[NodeTerm, ...] | None

    @property
    def name(self) -> str:
        return self.volume.metadata.name


@dataclass(frozen=True, slots=True)
class Asked:
    """What the claims of a pod come to. `problem`: why no node will do, in Kubernetes' words; `bound`: the
    volumes that its node must reach; `open`: for each claim that waits, the free volumes that would do, the
    smallest first."""

    problem: str = ""
    bound: tuple[Volume, ...] = ()
    open: tuple[tuple[Name, tuple[Volume, ...]], ...] = ()


class Storage:
    """See the module's docstring. `version` grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self._claims: dict[Name, core.PersistentVolumeClaim] = {}
        self._volumes: dict[str, Volume] = {}
        self._waiting: set[str] = set()  # classes that wait for a consumer
        self._kept: dict[str, dict[Name, str]] = {}  # by pod: claim -> volume
        self._promised: dict[Name, str] = {}

    def put_claim(self, name: Name, claim: core.PersistentVolumeClaim | None) -> None:
        """Learn of a claim, or (None) that it is gone."""
        self.version += 1
        if claim is None:
            self._claims.pop(name, None)
        else:
            self._claims[name] = claim

    def put_volume(self, name: str, volume: core.PersistentVolume | None) -> None:
        """Learn of a volume, or (None) that it is gone."""
        self.version += 1
        if volume is None:
            self._volumes.pop(name, None)
            return
        required = volume.spec.nodeAffinity
        terms = compile_node_terms(required.required) if required.HasField("required") else None
        self._volumes[name] = Volume(volume, terms)

    def put_class(self, name: str, found: storage.StorageClass | None) -> None:
        """Learn of a class, or (None) that it is gone."""
        self.version += 1
        (self._waiting.add if waits_for_consumer(found) else self._waiting.discard)(name)

    def claim(self, name: Name) -> core.PersistentVolumeClaim | None:
        """A claim, which is not to be changed; None when there is none."""
        return self._claims.get(name)

    def asked(self, namespace: str, claims: Iterable[str]) -> Asked:
        """What these claims of one pod come to now."""
        bound: list[Volume] = []
        open_: list[tuple[Name, tuple[Volume, ...]]] = []
        unbound = False
        for each in claims:
            claim = self._claims.get((namespace, each))
            problem = _problem(each, claim)
            if problem or claim is None:
                return Asked(problem)
            volume = self._promised.get((namespace, each)) or claim.spec.volumeName
            if volume and (claim.status.phase == "Bound" or (namespace, each) in self._promised):
                if volume not in self._volumes:
                    return Asked("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")
                bound.append(self._volumes[volume])
            elif claim.spec.storageClassName in self._waiting and not claim.spec.volumeName:
                open_.append(((namespace, each), self._choices(claim)))
            else:
                unbound = True
        if unbound:
            return Asked(UNBOUND)
        return Asked(bound=tuple(bound), open=tuple(open_))

    def keep(self, pod: str, chosen: Sequence[tuple[Name, str]]) -> None:
        """Keep volumes for the claims of a pod that was placed."""
        self.version += 1
        self._kept[pod] = dict(chosen)
        self._promised.update(chosen)

    def give_back(self, pod: str) -> None:
        """The pod is off its node, or its claims are bound."""
        kept = self._kept.pop(pod, None)
        if kept is not None:
            self.version += 1
            for claim in kept:
                self._promised.pop(claim, None)

    def kept_for(self, pod: str) -> dict[Name, str]:
        """claim -> volume, of a pod that was placed."""
        return self._kept.get(pod, {})

    def _choices(self, claim: core.PersistentVolumeClaim) -> tuple[Volume, ...]:
        own = [each for each in self._volumes.values() if points_at(each.volume, claim)]
        if own:
            return tuple(own)
        promised = set(self._promised.values())
        free = [
            each
            for each in self._volumes.values()
            if not each.volume.spec.HasField("claimRef")
            and each.name not in promised
            and fits(claim, each.volume)
        ]
        return tuple(sorted(free, key=lambda each: (capacity(each.volume), each.name)))


def _problem(name: str, claim: core.PersistentVolumeClaim | None) -> str:
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if claim.status.phase == "Lost":
        volume = claim.spec.volumeName
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
    if claim.metadata.HasField("deletionTimestamp"):
        return f'persistentvolumeclaim "{name}" is being deleted'
    return ""

"""Claims, volumes and classes as the scheduler sees them, and which volumes pods that were placed are to get.

A claim of a class that waits for its consumer has no volume until its pod has a node. Placing the pod keeps a
volume for it here, so that the next decision sees it taken; taking the pod off gives it back. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from control_plane.scheduler.shape import NodeTerm
from control_plane.scheduler.shaping import compile_node_terms
from control_plane.volumes.matching import capacity, fits, points_at, waits_for_consumer
from control_plane.volumes.taking import is_taken
from knarr.api.quantity import Quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

Name = tuple[str, str]  # namespace and name of a claim
_MOST_FITTING = 32  # different wishes of claims that are remembered at once
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and the nodes that reach it: one of the terms; None: all."""

    volume: core.PersistentVolume
    terms: tuple[NodeTerm, ...] | None
    size: Quantity

    @property
    def name(self) -> str:
        return self.volume.metadata.name


@dataclass(frozen=True, slots=True)
class Asked:
    """What the claims of a pod come to. `problem`: why no node will do, in Kubernetes' words; `bound`: the
    volumes that its node must reach; `open`: for each claim that waits, the free volumes that would do, the
    smallest first; `promised`: of the bound ones, those whose claim does not know yet."""

    problem: str = ""
    bound: tuple[Volume, ...] = ()
    open: tuple[tuple[Name, tuple[Volume, ...]], ...] = ()
    promised: tuple[tuple[Name, str], ...] = ()


class Storage:
    """See the module's docstring. `version` grows with every change."""

    def __init__(self) -> None:
        self.version = 0
        self._claims: dict[Name, core.PersistentVolumeClaim] = {}
        self._volumes: dict[str, Volume] = {}
        self._fitting: dict[bytes, _Fitting] = {}  # by what a claim asks for
        self._waiting: set[str] = set()  # classes that wait for a consumer
        self._kept: dict[str, dict[Name, str]] = {}  # by pod: claim -> volume
        self._promised: dict[Name, str] = {}
        self._promises: Counter[Name] = Counter()  # how many pods rely on each
        self._users: Counter[Name] = Counter()  # pods on nodes, by claim

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
            for fitting in self._fitting.values():
                fitting.volumes.pop(name, None)
            return
        required = volume.spec.nodeAffinity
        terms = _shared(compile_node_terms(required.required)) if required.HasField("required") else None
        self._volumes[name] = known = Volume(volume, terms, capacity(volume))
        for fitting in self._fitting.values():
            fitting.put(known)

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
        promised: list[tuple[Name, str]] = []
        unbound = False
        for each in claims:
            name = (namespace, each)
            claim = self._claims.get(name)
            problem = _problem(each, claim)
            if problem or claim is None:
                return Asked(problem)
            settled = claim.spec.volumeName if claim.status.phase == "Bound" else ""
            volume = settled or self._promised.get(name, "")
            if volume:
                if volume not in self._volumes:
                    return Asked("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")
                bound.append(self._volumes[volume])
                if not settled:
                    promised.append((name, volume))
            elif claim.spec.storageClassName in self._waiting and not claim.spec.volumeName:
                open_.append((name, self._choices(name, claim)))
            else:
                unbound = True
        if unbound:
            return Asked(UNBOUND)
        return Asked(bound=tuple(bound), open=tuple(open_), promised=tuple(promised))

    def keep(self, pod: str, chosen: Sequence[tuple[Name, str]]) -> None:
        """Keep volumes for the claims of a pod that was placed."""
        self.version += 1
        self._kept[pod] = dict(chosen)
        self._promised.update(chosen)
        self._promises.update(claim for claim, _ in chosen)

    def give_back(self, pod: str) -> None:
        """The pod is off its node."""
        kept = self._kept.pop(pod, None)
        if kept is not None:
            self.version += 1
            for claim in kept:
                self._promises[claim] -= 1
                if not self._promises[claim]:
                    del self._promises[claim], self._promised[claim]

    def use(self, claim: Name, sign: int) -> None:
        """A pod with the claim is on a node (1), or off it (-1)."""
        self.version += 1
        self._users[claim] += sign
        if not self._users[claim]:
            del self._users[claim]

    def kept_for(self, pod: str) -> dict[Name, str]:
        """claim -> volume, of a pod that was placed."""
        return self._kept.get(pod, {})

    def _choices(self, name: Name, claim: core.PersistentVolumeClaim) -> tuple[Volume, ...]:
        """Those that are kept for the claim; where they were only taken for it, and nobody is on a node who
        counts on them, any that is free will do as well."""
        own = _smallest_first(each for each in self._volumes.values() if points_at(each.volume, claim))
        settled = tuple(each for each in own if not is_taken(each.volume))
        if settled or (own and name in self._users):
            return settled or own
        promised = set(self._promised.values())
        return own + _smallest_first(each for each in self._free_for(claim) if each.name not in promised)

    def _free_for(self, claim: core.PersistentVolumeClaim) -> Iterable[Volume]:
        """Worked out once for claims that ask for the same, and kept up to date for the newest of them."""
        asked = claim.spec.SerializeToString(deterministic=True)
        fitting = self._fitting.get(asked)
        if fitting is None:
            if len(self._fitting) >= _MOST_FITTING:
                del self._fitting[next(iter(self._fitting))]
            fitting = self._fitting[asked] = _Fitting(claim)
            for each in self._volumes.values():
                fitting.put(each)
        return fitting.volumes.values()


def _smallest_first(volumes: Iterable[Volume]) -> tuple[Volume, ...]:
    return tuple(sorted(volumes, key=lambda each: (each.size, each.name)))


class _Fitting:
    """The free volumes that have what a claim asks for."""

    def __init__(self, claim: core.PersistentVolumeClaim) -> None:
        self.volumes: dict[str, Volume] = {}
        self._claim = claim

    def put(self, each: Volume) -> None:
        """The volume is new, or has changed."""
        if not each.volume.spec.HasField("claimRef") and fits(self._claim, each.volume):
            self.volumes[each.name] = each
        else:
            self.volumes.pop(each.name, None)


@lru_cache(maxsize=8_192)
def _shared(terms: tuple[NodeTerm, ...]) -> tuple[NodeTerm, ...]:
    """Equal terms as one object: volumes of one node are then judged once."""
    return terms


def _problem(name: str, claim: core.PersistentVolumeClaim | None) -> str:
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if claim.status.phase == "Lost":
        volume = claim.spec.volumeName
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume}"'
    if claim.metadata.HasField("deletionTimestamp"):
        return f'persistentvolumeclaim "{name}" is being deleted'
    return ""

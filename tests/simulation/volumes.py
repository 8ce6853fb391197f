"""A story of claims: pods with volumes come, go and come again while everything around them fails.

Volumes of the class "local" are as many as the claims that people make, two on each node, so that a volume
that is held for nobody is missed. Those of the class "fixed" are for pods that come with their node.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from control_plane.objects.interface import DeleteOptions
from control_plane.volumes.taking import is_taken
from knarr.api.codec import from_dict
from knarr.api.kinds import NODE, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD, STORAGE_CLASS, Kind
from knarr.errors import AlreadyExists, ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.facts import NodeFacts
from node_agent.runtime.interface import Mount
from tests.simulation.invariants import Violation, pods_of, stored
from tests.simulation.scenario import OPTIONS, Deed, Story

LOCAL, FIXED = "local", "fixed"
PER_NODE = 2
MOST_FIXED = 4


@dataclass(slots=True)
class Shelves:
    """What was written where: a pod writes its claim's name as soon as it is mounted."""

    written: dict[str, set[str]] = field(default_factory=dict)  # volume -> claims
    places: dict[str, str] = field(default_factory=dict)  # volume -> node
    astray: str = ""  # a mount that cannot be: agents survive what goes wrong with one pod


@dataclass(slots=True)
class ShelfFiles:
    """The mounts of one node's pods. Raises ConfigError, as the real ones, for a claim without a volume."""

    node: str
    shelves: Shelves

    async def prepare(
        self, pod: core.Pod, config: ConfigStore, node: NodeFacts, pod_ip: str
    ) -> dict[str, tuple[Mount, ...]]:
        for volume in pod.spec.volumes:
            source = volume.volumeSource
            if source.HasField("persistentVolumeClaim"):
                raise ConfigError(f"{source.persistentVolumeClaim.claimName} has no volume")
            if source.HasField("hostPath"):
                name = source.hostPath.path.rpartition("/")[2]
                if self.shelves.places[name] != self.node:
                    self.shelves.astray = f"{name} of {self.shelves.places[name]} is mounted on {self.node}"
                self.shelves.written.setdefault(name, set()).add(volume.name)
        return {}

    async def remove(self, pod_uid: str) -> None:
        return


@dataclass(slots=True)
class VolumeStory(Story):
    """One run. `pods`: by claim, the pod that shall run with it and the node that it insists on."""

    shelves: Shelves = field(default_factory=Shelves)
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    spent: int = 0
    fixed: int = 0

    async def run(self) -> None:
        self.cluster.files = lambda node: ShelfFiles(node, self.shelves)
        await Story.run(self)

    def people(self) -> list[Deed]:
        if not self.shelves.places:
            return [self._furnish]
        arriving: list[Deed] = [self._furnish, self._crowd, self._add_fixed]
        leaving: list[Deed] = [self._replace, self._give_up, self._cordon]
        return [*arriving, *leaving, *[self._in_the_middle] * 2]

    async def _furnish(self) -> None:
        """Classes and volumes; what was not stored the last time is stored now."""
        for name in (LOCAL, FIXED):
            made = storage.StorageClass(
                provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"
            )
            made.metadata.name = name
            if not await self._create(STORAGE_CLASS, made):
                return  # without its class a claim is bound at once, wherever that is
        for node in sorted(self.cluster.nodes):
            for of_class, many in ((LOCAL, PER_NODE), (FIXED, MOST_FIXED)):
                for number in range(many):
                    volume = _volume(f"{of_class}-{node}-{number}", node, of_class)
                    self.shelves.places[volume.metadata.name] = node
                    await self._create(PERSISTENT_VOLUME, volume)

    async def _crowd(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            await self._add()

    async def _in_the_middle(self) -> None:
        """Something happens between the taking of volumes and the binding of their pods."""
        known = set(self.pods)
        await self._crowd()
        await asyncio.sleep(self.rng.random() * 0.03)
        what = self.rng.randrange(4)
        if what == 0:
            await self._crash_replica()
        elif what == 1:
            await self._store_away()
        elif what == 2:
            await self._cordon()
        for claim in sorted(set(self.pods) - known):
            if what == 3:
                await self._replace(claim)
            elif self.rng.random() < 0.3:
                await self._give_up(claim)

    async def _add(self) -> None:
        if len(self.pods) - self.fixed + self.spent < PER_NODE * len(self.cluster.nodes):
            await self._start(LOCAL, "")

    async def _add_fixed(self) -> None:
        if self.fixed < MOST_FIXED:
            self.fixed += 1
            await self._start(FIXED, self.rng.choice(sorted(self.cluster.nodes)))

    async def _start(self, of_class: str, node: str) -> None:
        self._number += 1
        claim = f"{of_class}-{self._number}"
        self.pods[claim] = (f"{claim}-{self._number}", node)
        await self._ask_for(claim, of_class)

    async def _ask_for(self, claim: str, of_class: str) -> None:
        pod, node = self.pods[claim]
        await self._create(PERSISTENT_VOLUME_CLAIM, a_claim(claim, of_class))
        await self._create(POD, a_pod(pod, claim, node))

    async def _replace(self, claim: str | None = None) -> None:
        """The pod goes; another takes its claim."""
        claim = claim or self._some_claim()
        if claim is None:
            return
        self._number += 1
        before, node = self.pods[claim]
        self.pods[claim] = (f"{claim}-{self._number}", node)
        await self._delete(POD, before)
        await self._create(POD, a_pod(self.pods[claim][0], claim, node))

    async def _give_up(self, claim: str | None = None) -> None:
        """The pod and the claim go; their volume may hold something, and is nobody's any more."""
        claim = claim or self._some_claim()
        if claim is None or self.pods[claim][1]:
            return
        pod, _ = self.pods.pop(claim)
        self.spent += 1
        await self._delete(POD, pod)
        await self._delete(PERSISTENT_VOLUME_CLAIM, claim)

    async def _cordon(self) -> None:
        await self._set_unschedulable(self.rng.choice(sorted(self.cluster.nodes)), self.rng.random() < 0.6)

    async def _set_unschedulable(self, name: str, value: bool) -> None:
        def change(node: object) -> core.Node:
            assert isinstance(node, core.Node)
            node.spec.unschedulable = value
            return node

        try:
            await self._plane().api.change(NODE, "", name, change, OPTIONS)
        except ApiError as error:
            self.say(f"  {type(error).__name__}")

    def _some_claim(self) -> str | None:
        return self.rng.choice(sorted(self.pods)) if self.pods else None

    async def _create(self, kind: Kind, obj: Any) -> bool:
        """Whether it is there."""
        try:
            await self._plane().api.create(kind, obj.metadata.namespace, obj, OPTIONS)
        except AlreadyExists:
            return True
        except ApiError as error:
            self.say(f"  {obj.metadata.name}: {type(error).__name__}")
            return False
        return True

    async def _delete(self, kind: Kind, name: str) -> None:
        try:
            await self._plane().api.delete(kind, "default", name, DeleteOptions())
        except ApiError as error:
            self.say(f"  {name}: {type(error).__name__}")

    # and then

    async def _ask_again(self) -> None:
        """Whatever people did not get, they ask for once more; what they want gone, they delete again."""
        await self._furnish()
        for node in sorted(self.cluster.nodes):
            await self._set_unschedulable(node, False)
        wanted = {pod for pod, _ in self.pods.values()}
        for pod in pods_of(self.cluster.backend):
            if pod.metadata.name not in wanted:
                await self._delete(POD, pod.metadata.name)
        for claim in self._claims():
            if claim.metadata.name not in self.pods:
                await self._delete(PERSISTENT_VOLUME_CLAIM, claim.metadata.name)
        for claim_name in sorted(self.pods):
            await self._ask_for(claim_name, claim_name.partition("-")[0])

    def also_always(self) -> None:
        """What one claim's pods have written is never another's, and stands in one place."""
        assert not self.shelves.astray, self.shelves.astray
        places: dict[str, str] = {}
        volumes = {volume.metadata.name: volume for volume in self._volumes()}
        for name, claims in self.shelves.written.items():
            if len(claims) > 1:
                raise Violation(f"volume {name} was given to {sorted(claims)}")
            (claim,) = claims
            if claim in places:
                raise Violation(f"claim {claim} has written to {name} and {places[claim]}")
            places[claim] = name
            if volumes[name].spec.claimRef.name != claim:
                raise Violation(f"volume {name} holds what {claim} wrote, and was let go")

    def complaint(self) -> str:
        claims = {claim.metadata.name: claim for claim in self._claims()}
        if set(claims) != set(self.pods):
            return f"claims {sorted(claims)}, wanted {sorted(self.pods)}"
        pods = {pod.metadata.name: pod for pod in pods_of(self.cluster.backend)}
        if set(pods) != {pod for pod, _ in self.pods.values()}:
            return f"pods {sorted(pods)}, wanted {sorted(self.pods.values())}"
        for claim, (pod, _) in sorted(self.pods.items()):
            found = claims[claim]
            written = self.shelves.written.get(found.spec.volumeName, ())
            if found.status.phase != "Bound" or claim not in written:
                return f"claim {claim} of {pod} on {pods[pod].spec.nodeName}: {found.status.phase}"
            if pods[pod].spec.nodeName != self.shelves.places[found.spec.volumeName]:
                return f"pod {pod} is not where its volume is"
            if pods[pod].status.phase != "Running":
                return f"pod {pod} is {pods[pod].status.phase}"
        held = sorted(volume.metadata.name for volume in self._volumes() if is_taken(volume))
        return f"volumes are held for nobody: {held}" if held else ""

    def _claims(self) -> Iterator[core.PersistentVolumeClaim]:
        return map(
            core.PersistentVolumeClaim.FromString, stored(self.cluster.backend, PERSISTENT_VOLUME_CLAIM)
        )

    def _volumes(self) -> Iterator[core.PersistentVolume]:
        return map(core.PersistentVolume.FromString, stored(self.cluster.backend, PERSISTENT_VOLUME))


def _volume(name: str, node: str, of_class: str) -> core.PersistentVolume:
    row = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": of_class,
        "local": {"path": f"/srv/{name}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}},
    }
    return from_dict({"metadata": {"name": name}, "spec": spec}, core.PersistentVolume)


def a_claim(name: str, of_class: str) -> core.PersistentVolumeClaim:
    """A claim of 1 GiB."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": of_class,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": name, "namespace": "default"}
    return from_dict({"metadata": metadata, "spec": spec}, core.PersistentVolumeClaim)


def a_pod(name: str, claim: str, node: str) -> core.Pod:
    """A pod with the claim; `node`: the one that it comes with, "" for none."""
    spec = {
        "nodeName": node or None,
        "terminationGracePeriodSeconds": 2,
        "tolerations": [
            {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute"}
            for what in ("not-ready", "unreachable")
        ],
        "volumes": [{"name": claim, "persistentVolumeClaim": {"claimName": claim}}],
        "containers": [
            {
                "name": "c",
                "image": "app:1",
                "resources": {"requests": {"cpu": "100m"}},
                "volumeMounts": [{"name": claim, "mountPath": "/data"}],
            }
        ],
    }
    return from_dict({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, core.Pod)

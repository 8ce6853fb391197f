"""Which pods, config maps and secrets a node shall have, and what changed since it was last told. Pure.

Claims of pods are told as the directories of the volumes that they are bound to."""

from collections.abc import Callable, Iterable, MutableSequence
from dataclasses import dataclass, field

from control_plane.volumes.mounting import VolumeOf, claims_of, mounted
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire

Lookup = Callable[[str, str], core.ConfigMap | None]
SecretLookup = Callable[[str, str], core.Secret | None]
Name = tuple[str, str]  # namespace, name


@dataclass(frozen=True, slots=True)
class References:
    """The config maps, secrets and claims that a pod names, all in its own namespace."""

    config_maps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()


def references(spec: core.PodSpec) -> References:
    """What a pod's environment, volumes and image pull secrets refer to."""
    config_maps: set[str] = set()
    secrets: set[str] = {reference.name for reference in spec.imagePullSecrets}
    for container in (*spec.initContainers, *spec.containers):
        _of_environment(container, config_maps, secrets)
    for volume in spec.volumes:
        _of_volume(volume.volumeSource, config_maps, secrets)
    return References(frozenset(config_maps - {""}), frozenset(secrets - {""}), claims_of(spec))


def _of_environment(container: core.Container, config_maps: set[str], secrets: set[str]) -> None:
    for source in container.envFrom:
        config_maps.add(source.configMapRef.localObjectReference.name)
        secrets.add(source.secretRef.localObjectReference.name)
    for variable in container.env:
        config_maps.add(variable.valueFrom.configMapKeyRef.localObjectReference.name)
        secrets.add(variable.valueFrom.secretKeyRef.localObjectReference.name)


def _of_volume(source: core.VolumeSource, config_maps: set[str], secrets: set[str]) -> None:
    config_maps.add(source.configMap.localObjectReference.name)
    secrets.add(source.secret.secretName)
    for projection in source.projected.sources:
        config_maps.add(projection.configMap.localObjectReference.name)
        secrets.add(projection.secret.localObjectReference.name)


def concerns_agent(old: core.Pod, new: core.Pod) -> bool:
    """Whether a change of a pod is more than the agent's own status coming back."""
    if old.spec != new.spec:
        return True
    before, after = core.Pod(metadata=old.metadata).metadata, core.Pod(metadata=new.metadata).metadata
    for metadata in (before, after):
        metadata.resourceVersion = ""
        del metadata.managedFields[:]
    return before != after


@dataclass(slots=True)
class NodeAssignment:
    """What one node was told, and the messages that bring it up to date."""

    node_name: str
    volume_of: VolumeOf = lambda namespace, name: None
    pods: dict[Name, tuple[str, References]] = field(default_factory=dict)  # uid and references
    config_maps: dict[Name, str] = field(default_factory=dict)  # resourceVersion
    secrets: dict[Name, str] = field(default_factory=dict)
    wanted: set[tuple[str, str, str]] = field(default_factory=set)  # kind, namespace, name

    def full(self, pods: Iterable[core.Pod], config_map: Lookup, secret: SecretLookup) -> wire.Assignment:
        """Everything, as the first message of a session."""
        self.pods.clear()
        self.config_maps.clear()
        self.secrets.clear()
        message = wire.Assignment(full=True)
        for pod in pods:
            self._add(pod, message)
        self._refresh_references(message, config_map, secret, frozenset())
        return message

    def delta(
        self,
        changed: Iterable[tuple[Name, core.Pod | None]],
        touched: frozenset[tuple[str, str, str]],
        config_map: Lookup,
        secret: SecretLookup,
    ) -> wire.Assignment | None:
        """The message for pods that changed (None: gone) and for references touched (kind, namespace, name);
        None when there is nothing to tell."""
        message = wire.Assignment()
        for name, pod in changed:
            if pod is not None and pod.spec.nodeName == self.node_name:
                known = self.pods.get(name)
                if known is not None and known[0] != pod.metadata.uid:
                    message.removed_pods.add(namespace=name[0], name=name[1], uid=known[0])
                self._add(pod, message)
            elif name in self.pods:
                uid, _ = self.pods.pop(name)
                message.removed_pods.add(namespace=name[0], name=name[1], uid=uid)
        self._refresh_references(message, config_map, secret, touched)
        return message if message.ByteSize() else None

    def refers_to(self, kind: str, namespace: str, name: str) -> bool:
        """Whether a pod of the node names this ConfigMap or Secret."""
        return (kind, namespace, name) in self.wanted

    def using(self, namespace: str, claim: str) -> list[Name]:
        """The pods of the node that name this claim."""
        return [
            name for name, (_, named) in self.pods.items() if name[0] == namespace and claim in named.claims
        ]

    def with_claims(self) -> list[Name]:
        """The pods of the node that name any claim."""
        return [name for name, (_, named) in self.pods.items() if named.claims]

    def _add(self, pod: core.Pod, message: wire.Assignment) -> None:
        named = references(pod.spec)
        self.pods[pod.metadata.namespace, pod.metadata.name] = (pod.metadata.uid, named)
        message.pods.append(mounted(pod, self.volume_of))

    def _refresh_references(
        self,
        message: wire.Assignment,
        config_map: Lookup,
        secret: SecretLookup,
        touched: frozenset[tuple[str, str, str]],
    ) -> None:
        wanted_maps: set[Name] = set()
        wanted_secrets: set[Name] = set()
        for (namespace, _), (_, named) in self.pods.items():
            wanted_maps.update((namespace, name) for name in named.config_maps)
            wanted_secrets.update((namespace, name) for name in named.secrets)
        self.wanted = {("ConfigMap", *name) for name in wanted_maps}
        self.wanted |= {("Secret", *name) for name in wanted_secrets}
        for name in wanted_maps:
            if name not in self.config_maps or ("ConfigMap", *name) in touched:
                found = config_map(*name)
                self._note(self.config_maps, name, found, message.removed_config_maps)
                if found is not None:
                    message.config_maps.append(found)
        for name in wanted_secrets:
            if name not in self.secrets or ("Secret", *name) in touched:
                found_secret = secret(*name)
                self._note(self.secrets, name, found_secret, message.removed_secrets)
                if found_secret is not None:
                    message.secrets.append(found_secret)
        _forget(self.config_maps, wanted_maps, message.removed_config_maps)
        _forget(self.secrets, wanted_secrets, message.removed_secrets)

    @staticmethod
    def _note(
        told: dict[Name, str],
        name: Name,
        found: core.ConfigMap | core.Secret | None,
        removed: MutableSequence[str],
    ) -> None:
        if found is not None:
            told[name] = found.metadata.resourceVersion
        elif told.pop(name, None) is not None:
            removed.append("/".join(name))


def _forget(told: dict[Name, str], wanted: set[Name], removed: MutableSequence[str]) -> None:
    for name in [name for name in told if name not in wanted]:
        del told[name]
        removed.append("/".join(name))

"""Which pods use which claims: an index for controllers that decide about claims. No I/O; decides nothing.

A pod uses its claims while it is neither finished nor being deleted. The index may name pods that have gone:
whoever uses it looks them up.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from control_plane.volumes.mounting import claims_of
from knarr.api.kinds import PERSISTENT_VOLUME_CLAIM
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import core_v1_pb2 as core

_Known = tuple[frozenset[str], str]  # claims and node of a pod
_NOTHING: _Known = (frozenset(), "")


@dataclass(frozen=True, slots=True)
class Consumer:
    """A pod with a claim that has its node; one that is not known has its name and no labels."""

    pod: str
    node: core.Node


class Consumers:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], _Known] = {}  # only those with claims
        self._by_claim: dict[ObjectKey, set[str]] = {}

    def changed(self, change: ObjectChange) -> Iterable[ObjectKey]:
        """Take in a change of a pod; returns the claims that are concerned."""
        key = (change.key.namespace, change.key.name)
        before = self._pods.get(key, _NOTHING)
        after = _known(change.new) if isinstance(change.new, core.Pod) else _NOTHING
        if after == before:
            return ()
        if after[0]:
            self._pods[key] = after
        else:
            del self._pods[key]
        for claim in before[0] - after[0]:
            users = self._by_claim[_claim_key(key[0], claim)]
            users.discard(key[1])
            if not users:
                del self._by_claim[_claim_key(key[0], claim)]
        for claim in after[0] - before[0]:
            self._by_claim.setdefault(_claim_key(key[0], claim), set()).add(key[1])
        return tuple(_claim_key(key[0], claim) for claim in before[0] | after[0])

    def known(self, claim: ObjectKey) -> bool:
        """Whether any pod is known to use the claim."""
        return claim in self._by_claim

    def of(self, objects: Objects, claim: ObjectKey) -> tuple[Consumer, ...]:
        """The pods with the claim that have a node, by name."""
        found = []
        for name in sorted(self._by_claim.get(claim, ())):
            pod = objects.get(core.Pod, claim.namespace, name)
            claims, node = _NOTHING if pod is None else _known(pod)
            if node and claim.name in claims:
                found.append(Consumer(name, objects.get(core.Node, "", node) or _unknown(node)))
        return tuple(found)


def _known(pod: core.Pod) -> _Known:
    if not pod.spec.volumes or is_finished(pod) or pod.metadata.HasField("deletionTimestamp"):
        return _NOTHING
    claims = claims_of(pod.spec)
    return (claims, pod.spec.nodeName) if claims else _NOTHING


def _unknown(name: str) -> core.Node:
    node = core.Node()
    node.metadata.name = name
    return node


def _claim_key(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(PERSISTENT_VOLUME_CLAIM.name, namespace, name)

"""The pod-template-hash: names a ReplicaSet after its template.

Stable: it depends on the template's bytes alone, whose field numbers are Kubernetes' own and never change.
Not the value that Kubernetes computes (that one hashes Go's memory layout), but of the same form.
"""

import hashlib

from knarr.proto.kubernetes import core_v1_pb2 as core

LABEL = "pod-template-hash"
_SAFE = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' alphabet: no vowels, so no words come out


def template_hash(template: core.PodTemplateSpec, collision_count: int | None) -> str:
    """Up to ten safe characters. `collision_count` gives another hash to the same template when the name of
    the first is taken by something else."""
    digest = hashlib.blake2b(template.SerializeToString(deterministic=True), digest_size=4)
    if collision_count is not None:
        digest.update(collision_count.to_bytes(4, "little"))
    number = str(int.from_bytes(digest.digest(), "little"))
    return "".join(_SAFE[ord(character) % len(_SAFE)] for character in number)


def same_template(left: core.PodTemplateSpec, right: core.PodTemplateSpec) -> bool:
    """Whether two templates are equal apart from the hash's label."""
    return _without_hash(left) == _without_hash(right)


def _without_hash(template: core.PodTemplateSpec) -> core.PodTemplateSpec:
    copy = core.PodTemplateSpec()
    copy.CopyFrom(template)
    copy.metadata.labels.pop(LABEL, None)
    return copy

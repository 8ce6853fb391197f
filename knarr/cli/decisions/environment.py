"""Changes of containers' environments. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.cli.decisions.marks import Marks
from knarr.cli.failure import FAILED, Failure
from knarr.proto.kubernetes import core_v1_pb2 as core


def env_patch(marks: Marks, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The patch of a container: variables set to texts, taken from `sources`, and removed."""
    entries: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in marks.set.items()]
    entries += [dict(source) for source in sources]
    entries += [{"name": name, "$patch": "delete"} for name in sorted(marks.removed)]
    # A variable that was taken from somewhere keeps that unless it is told not to.
    return {"env": [{"valueFrom": None, **entry} if "value" in entry else entry for entry in entries]}


def of_keys(
    kind: Kind, name: str, keys: Iterable[str], wanted: Iterable[str], prefix: str
) -> list[dict[str, Any]]:
    """A variable for each key of a config map or secret, or for those that are wanted; its name is the key in
    capitals, with what no name may have as underscores. Raises Failure for a key that there is not."""
    field = "configMapKeyRef" if kind is kinds.CONFIG_MAP else "secretKeyRef"
    there, asked = sorted(keys), list(wanted)
    if missing := [key for key in asked if key not in there]:
        raise Failure(f"{kind.singular}/{name} has no key {missing[0]}", FAILED)
    return [
        {"name": prefix + _variable(key), "valueFrom": {field: {"name": name, "key": key}}}
        for key in asked or there
    ]


def _variable(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", key).upper()


def clash(container: core.Container, names: Iterable[str]) -> str:
    """A variable that the container has already; "" when there is none."""
    there = {variable.name for variable in container.env}
    return next((name for name in names if name in there), "")


def listed(container: core.Container) -> list[str]:
    """The variables, one a line."""
    return [f"{variable.name}={value_text(variable)}" for variable in container.env]


def value_text(variable: core.EnvVar) -> str:
    """The value, or where it comes from."""
    source = variable.valueFrom
    if source.HasField("configMapKeyRef"):
        reference = source.configMapKeyRef
        return f"<key {reference.key} of config map {reference.localObjectReference.name}>"
    if source.HasField("secretKeyRef"):
        secret = source.secretKeyRef
        return f"<key {secret.key} of secret {secret.localObjectReference.name}>"
    if source.HasField("fieldRef"):
        return f"<{source.fieldRef.fieldPath}>"
    if source.HasField("resourceFieldRef"):
        return f"<{source.resourceFieldRef.resource}>"
    return variable.value

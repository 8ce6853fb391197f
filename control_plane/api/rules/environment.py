"""Rules and defaults of environment variables and of references to fields of the pod.

Source: Kubernetes' pkg/apis/core/validation (validateEnv, validateEnvFrom, validateObjectFieldSelector).
"""

from collections.abc import Sequence
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import CONFIG_KEY, DNS_SUBDOMAIN, ENV_NAME, QUALIFIED_NAME, nanos
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.rows import default, into, required, rule, whole
from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core

_ENV_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_VOLUME_FIELDS: Final = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_CONVERTIBLE: Final = frozenset(
    {*_ENV_FIELDS, *_VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.host"}
)
_RESOURCES: Final = tuple(
    sorted(
        f"{side}.{name}" for side in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
    )
)
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_BYTE_DIVISORS: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_CPU_DIVISORS: Final = ("1m", "1")


def _subscripted(path: str) -> tuple[str, str] | None:
    """("metadata.labels", "app") of "metadata.labels['app']"."""
    head, found, tail = path.partition("['")
    return (head, tail[:-2]) if found and tail.endswith("']") else None


def _check_subscript(parts: tuple[str, str], path: str, causes: Causes) -> None:
    field, key = parts
    if field == "metadata.annotations":
        QUALIFIED_NAME.check(key.lower(), path, causes)
    elif field == "metadata.labels":
        QUALIFIED_NAME.check(key, path, causes)
    else:
        why = f"error converting fieldPath: field label does not support subscript: {field}"
        causes.append(say.invalid(f"{path}.fieldPath", f"{field}['{key}']", why))


def _field_selector(supported: Sequence[str]) -> Table:
    known = frozenset(supported)

    def check(selector: Any, path: str, causes: Causes) -> None:
        field = selector.fieldPath
        if not selector.apiVersion:
            causes.append(say.required(f"{path}.apiVersion"))
        elif not field:
            causes.append(say.required(f"{path}.fieldPath"))
        elif selector.apiVersion != "v1":
            why = f"error converting fieldPath: unsupported pod version: {selector.apiVersion}"
            causes.append(say.invalid(f"{path}.fieldPath", field, why))
        elif (parts := _subscripted(field)) is not None:
            _check_subscript(parts, path, causes)
        elif field in known or (field == "spec.host" and "spec.nodeName" in known):
            return
        elif field in _CONVERTIBLE:
            causes.append(say.unsupported(f"{path}.fieldPath", field, supported))
        else:
            why = f"error converting fieldPath: field label not supported: {field}"
            causes.append(say.invalid(f"{path}.fieldPath", field, why))

    return Table(
        core.ObjectFieldSelector,
        rules=(whole(f"fieldPath is one of {', '.join(supported)}, or a label or annotation by key", check),),
        defaults=(default("apiVersion", "v1"),),
    )


ENV_FIELD: Final = _field_selector(_ENV_FIELDS)
VOLUME_FIELD: Final = _field_selector(_VOLUME_FIELDS)


def _check_divisor(selector: Any, path: str, causes: Causes) -> None:
    if nanos(selector.divisor) == 0:
        return
    name = selector.resource
    known: tuple[str, ...]
    if name in ("limits.cpu", "requests.cpu"):
        known, of = _CPU_DIVISORS, "cpu"
    elif name in _RESOURCES:
        known, of = _BYTE_DIVISORS, name.partition(".")[2]
    elif name.startswith(_HUGE_PAGES):
        known, of = _BYTE_DIVISORS, "hugepages"
    else:
        return
    if quantity.canonical(selector.divisor.string) not in known:
        why = f"only divisor's values {', '.join(known)} are supported with the {of} resource"
        causes.append(say.invalid(f"{path}.divisor", name, why))


def _resource_selector(*, named: bool) -> Table:
    """`named`: in a volume, where the container must be named."""

    def check(selector: Any, path: str, causes: Causes) -> None:
        name = selector.resource
        if named and not selector.containerName:
            causes.append(say.required(f"{path}.containerName"))
        elif not name:
            causes.append(say.required(f"{path}.resource"))
        elif name not in _RESOURCES and not name.startswith(_HUGE_PAGES):
            causes.append(say.unsupported(f"{path}.resource", name, _RESOURCES))
        _check_divisor(selector, path, causes)

    return Table(
        core.ResourceFieldSelector,
        rules=(whole(f"resource is one of {', '.join(_RESOURCES)}; divisor is one unit", check),),
    )


ENV_RESOURCE: Final = _resource_selector(named=False)
VOLUME_RESOURCE: Final = _resource_selector(named=True)

# Kubernetes refuses an empty name here as a malformed one, not as a missing one.
_KEY_REFERENCE: Final = Table(core.LocalObjectReference, rules=(rule("name", DNS_SUBDOMAIN, always=True),))
_KEY_RULES: Final = (into("localObjectReference", _KEY_REFERENCE), required("key"), rule("key", CONFIG_KEY))
CONFIG_MAP_KEY: Final = Table(core.ConfigMapKeySelector, rules=_KEY_RULES)
SECRET_KEY: Final = Table(core.SecretKeySelector, rules=_KEY_RULES)

_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ENV_SOURCE: Final = Table(
    core.EnvVarSource,
    rules=(
        into("fieldRef", ENV_FIELD),
        into("resourceFieldRef", ENV_RESOURCE),
        into("configMapKeyRef", CONFIG_MAP_KEY),
        into("secretKeyRef", SECRET_KEY),
    ),
)


def _check_value_from(variable: Any, path: str, causes: Causes) -> None:
    if not variable.HasField("valueFrom"):
        return
    count = sum(variable.valueFrom.HasField(name) for name in _SOURCES)
    if count == 0:
        why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        causes.append(say.invalid(path, "", why))
    if variable.value:
        if count:
            causes.append(say.invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        causes.append(say.invalid(path, "", "may not have more than one field specified at a time"))


ENV_VAR: Final = Table(
    core.EnvVar,
    rules=(
        required("name"),
        rule("name", ENV_NAME),
        into("valueFrom", _ENV_SOURCE),
        whole("value or one source, not both", _check_value_from, at="valueFrom"),
    ),
)

_NAMED: Final = Table(core.LocalObjectReference, rules=(required("name"), rule("name", DNS_SUBDOMAIN)))


def _check_env_from(source: Any, path: str, causes: Causes) -> None:
    """Kubernetes says this of the list, not of its element."""
    count = source.HasField("configMapRef") + source.HasField("secretRef")
    here = path.rpartition("[")[0]
    if count == 0:
        causes.append(say.invalid(here, "", "must specify one of: `configMapRef` or `secretRef`"))
    elif count > 1:
        causes.append(say.invalid(here, "", "may not have more than one field specified at a time"))


ENV_FROM: Final = Table(
    core.EnvFromSource,
    rules=(
        rule("prefix", ENV_NAME),
        into("configMapRef", Table(core.ConfigMapEnvSource, rules=(into("localObjectReference", _NAMED),))),
        into("secretRef", Table(core.SecretEnvSource, rules=(into("localObjectReference", _NAMED),))),
        whole("one of configMapRef and secretRef", _check_env_from),
    ),
)

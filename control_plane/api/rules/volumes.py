"""Rules and defaults of volumes and of what mounts them.

Source: Kubernetes' pkg/apis/core/validation (validateVolumeSource and below) and core/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DESCENDING,
    DNS_SUBDOMAIN,
    FILE_MODE,
    NO_BACKSTEPS,
    nanos,
    one_of,
)
from control_plane.api.rules.claims import CLAIM_TEMPLATE
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.environment import VOLUME_FIELD, VOLUME_RESOURCE
from control_plane.api.rules.images import pull_policy
from control_plane.api.rules.rows import (
    default_by,
    default_pointer,
    each,
    into,
    required,
    required_message,
    rule,
    whole,
)
from knarr.proto.kubernetes import core_v1_pb2 as core

_MODE_DEFAULT: Final = 0o644


def _check_file_path(value: str, path: str, causes: Causes) -> None:
    DESCENDING.check(value, path, causes)
    if value.startswith("..") and not value.startswith("../"):
        causes.append(say.invalid(path, value, "must not start with '..'"))


FILE_PATH: Final = Checker(_check_file_path, "a relative path that does not begin with '..'")
_NAME: Final = Table(core.LocalObjectReference, rules=(required("name"),))

KEY_TO_PATH: Final = Table(
    core.KeyToPath,
    rules=(required("key"), required("path"), rule("path", FILE_PATH), rule("mode", FILE_MODE)),
)


def _check_one_reference(file: Any, path: str, causes: Causes) -> None:
    if file.HasField("fieldRef"):
        VOLUME_FIELD.check(file.fieldRef, f"{path}.fieldRef", causes)
        if file.HasField("resourceFieldRef"):
            why = "fieldRef and resourceFieldRef can not be specified simultaneously"
            causes.append(say.invalid(path, "resource", why))
    elif file.HasField("resourceFieldRef"):
        VOLUME_RESOURCE.check(file.resourceFieldRef, f"{path}.resourceFieldRef", causes)
    else:
        causes.append(say.required(path, "one of fieldRef and resourceFieldRef is required"))


DOWNWARD_FILE: Final = Table(
    core.DownwardAPIVolumeFile,
    rules=(
        required("path"),
        rule("path", FILE_PATH),
        rule("mode", FILE_MODE),
        into("fieldRef", VOLUME_FIELD, checked=False),
        into("resourceFieldRef", VOLUME_RESOURCE, checked=False),
        whole("one of fieldRef and resourceFieldRef", _check_one_reference),
    ),
)

_MODE_RULE: Final = rule("defaultMode", FILE_MODE)
_MODE: Final = default_pointer("defaultMode", _MODE_DEFAULT)


def _check_host_path_type(source: Any, path: str, causes: Causes) -> None:
    if source.HasField("type"):
        _HOST_PATH_TYPE.check(source.type, path, causes)


_HOST_PATH_TYPE: Final = one_of(
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"
)
HOST_PATH: Final = Table(
    core.HostPathVolumeSource,
    rules=(
        required("path"),
        rule("path", NO_BACKSTEPS),
        whole(f"type is {_HOST_PATH_TYPE.says}", _check_host_path_type, at="type"),
    ),
    defaults=(default_pointer("type", ""),),
)


def _check_size_limit(source: Any, path: str, causes: Causes) -> None:
    if source.HasField("sizeLimit") and nanos(source.sizeLimit) < 0:
        causes.append(say.forbidden(path, "SizeLimit field must be a valid resource quantity"))


EMPTY_DIR: Final = Table(
    core.EmptyDirVolumeSource, rules=(whole("sizeLimit is not negative", _check_size_limit, at="sizeLimit"),)
)
SECRET: Final = Table(
    core.SecretVolumeSource,
    rules=(required("secretName"), _MODE_RULE, each("items", KEY_TO_PATH)),
    defaults=(_MODE,),
)
CONFIG_MAP: Final = Table(
    core.ConfigMapVolumeSource,
    rules=(into("localObjectReference", _NAME), _MODE_RULE, each("items", KEY_TO_PATH)),
    defaults=(_MODE,),
)
DOWNWARD: Final = Table(
    core.DownwardAPIVolumeSource,
    rules=(_MODE_RULE, each("items", DOWNWARD_FILE, at="", in_place=True)),
    defaults=(_MODE,),
)


def _check_absolute(value: str, path: str, causes: Causes) -> None:
    if not value.startswith("/"):
        causes.append(say.invalid(path, value, "must be an absolute path"))


NFS: Final = Table(
    core.NFSVolumeSource,
    rules=(
        required("server"),
        required("path"),
        rule("path", Checker(_check_absolute, "an absolute path")),
    ),
)
CLAIM: Final = Table(core.PersistentVolumeClaimVolumeSource, rules=(required("claimName"),))


def check_driver(name: str, path: str, causes: Causes) -> None:
    """The name of a CSI driver."""
    if len(name) > 63:
        causes.append(say.too_long(path, 63))
    DNS_SUBDOMAIN.check(name.lower(), path, causes)


CSI: Final = Table(
    core.CSIVolumeSource,
    rules=(
        required("driver"),
        rule("driver", Checker(check_driver, "a DNS subdomain of up to 63 characters"), always=True),
        into("nodePublishSecretRef", _NAME),
    ),
)
IMAGE: Final = Table(
    core.ImageVolumeSource,
    rules=(
        required("reference"),
        rule("pullPolicy", one_of("Always", "IfNotPresent", "Never")),
    ),
    defaults=(
        default_by(
            "pullPolicy",
            lambda image: setattr(image, "pullPolicy", image.pullPolicy or pull_policy(image.reference)),
            "Always for the tag latest or none, else IfNotPresent",
        ),
    ),
)
EPHEMERAL: Final = Table(
    core.EphemeralVolumeSource,
    rules=(required_message("volumeClaimTemplate"), into("volumeClaimTemplate", CLAIM_TEMPLATE)),
)

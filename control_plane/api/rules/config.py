"""Rules and defaults of ConfigMaps and Secrets.

Source: Kubernetes' pkg/apis/core/validation (ValidateConfigMap, ValidateSecret).
"""

import json
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import CONFIG_KEY
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default, default_by, immutable, into, on_update, whole
from knarr.proto.kubernetes import core_v1_pb2 as core

MAX_BYTES: Final = 1024 * 1024
FROZEN: Final = "field is immutable when `immutable` is set"


def _check_config_map(config: Any, path: str, causes: Causes) -> None:
    total = 0
    for key, text in config.data.items():
        CONFIG_KEY.check(key, f"data[{key}]", causes)
        if key in config.binaryData:
            causes.append(say.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        total += len(text.encode())
    for key, data in config.binaryData.items():
        CONFIG_KEY.check(key, f"binaryData[{key}]", causes)
        total += len(data)
    if total > MAX_BYTES:
        # Kubernetes reports this at the root's empty path, which it prints as "[]".
        causes.append(say.too_long("[]", MAX_BYTES))


CONFIG_MAP: Final = Table(
    core.ConfigMap,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        whole("keys are valid and stand once; 1 MiB together at the most", _check_config_map),
    ),
)


def _frozen_rule(*fields: str) -> Any:
    def check(new: Any, old: Any, path: str, causes: Causes) -> None:
        if not old.immutable:
            return
        if not new.immutable:
            causes.append(say.forbidden("immutable", FROZEN))
        for field in fields:
            if getattr(new, field) != getattr(old, field):
                causes.append(say.forbidden(field, FROZEN))

    return on_update(f"{' and '.join(fields)} cannot change once immutable is true", check, fields[0])


def _check_docker_config(secret: Any, key: str, causes: Causes) -> None:
    here = f"data[{key}]"
    if key not in secret.data:
        causes.append(say.required(here))
        return
    try:
        parsed = json.loads(secret.data[key])
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        causes.append(say.invalid(here, "<secret contents redacted>", "invalid json"))


def _check_type(secret: Any, path: str, causes: Causes) -> None:
    data = secret.data
    match secret.type:
        case "kubernetes.io/service-account-token":
            name = "kubernetes.io/service-account.name"
            if not secret.metadata.annotations.get(name):
                causes.append(say.required(f"metadata.annotations[{name}]"))
        case "kubernetes.io/dockercfg":
            _check_docker_config(secret, ".dockercfg", causes)
        case "kubernetes.io/dockerconfigjson":
            _check_docker_config(secret, ".dockerconfigjson", causes)
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                causes.append(say.required("data[username]"))
                causes.append(say.required("data[password]"))
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                causes.append(say.required("data[ssh-privatekey]"))
        case "kubernetes.io/tls":
            for key in ("tls.crt", "tls.key"):
                if key not in data:
                    causes.append(say.required(f"data[{key}]"))


def _check_secret(secret: Any, path: str, causes: Causes) -> None:
    total = 0
    for key, data in secret.data.items():
        CONFIG_KEY.check(key, f"data[{key}]", causes)
        total += len(data)
    if total > MAX_BYTES:
        causes.append(say.too_long("data", MAX_BYTES))
    _check_type(secret, path, causes)


def _take_in_text(secret: Any) -> None:
    """stringData is for writing only: it is put into data, over what is there."""
    if secret.stringData:
        for key, text in secret.stringData.items():
            secret.data[key] = text.encode()
        secret.stringData.clear()


SECRET: Final = Table(
    core.Secret,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        whole("keys are valid; 1 MiB together at the most; data fits the type", _check_secret),
    ),
    defaults=(
        default("type", "Opaque"),
        default_by("data", _take_in_text, "with the entries of stringData, which is emptied"),
    ),
)

RULES: Final = (
    ObjectRules(CONFIG_MAP, update=(_frozen_rule("data", "binaryData"),)),
    ObjectRules(SECRET, update=(immutable("type"), _frozen_rule("data"))),
)

"""Rules of security contexts, of pods and of containers.

Source: Kubernetes' pkg/apis/core/validation (ValidateSecurityContext, validateSeccompProfileField, …).
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DESCENDING, DNS_SUBDOMAIN, ID, one_of
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.rows import into, rule, whole
from knarr.proto.kubernetes import core_v1_pb2 as core

_SYSCTL: Final = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_MAX_SYSCTL: Final = 253
_MAX_GMSA_BYTES: Final = 64 * 1024


def _check_seccomp(profile: Any, path: str, causes: Causes) -> None:
    here = f"{path}.localhostProfile"
    if not profile.type:
        causes.append(say.required(f"{path}.type", "type is required when seccompProfile is set"))
    elif profile.type not in ("Localhost", "RuntimeDefault", "Unconfined"):
        supported = ("Localhost", "RuntimeDefault", "Unconfined")
        causes.append(say.unsupported(f"{path}.type", profile.type, supported))
    if profile.type == "Localhost":
        if not profile.HasField("localhostProfile"):
            causes.append(say.required(here, "must be set when seccomp type is Localhost"))
        else:
            DESCENDING.check(profile.localhostProfile, here, causes)
    elif profile.HasField("localhostProfile"):
        causes.append(say.invalid(here, profile, "can only be set when seccomp type is Localhost"))


SECCOMP: Final = Table(
    core.SeccompProfile,
    rules=(whole("type is Localhost (with localhostProfile), RuntimeDefault or Unconfined", _check_seccomp),),
)


def _check_app_armor(profile: Any, path: str, causes: Causes) -> None:
    here = f"{path}.localhostProfile"
    if not profile.type:
        causes.append(say.required(f"{path}.type", "type is required when appArmorProfile is set"))
        return
    if profile.type not in ("Localhost", "RuntimeDefault", "Unconfined"):
        supported = ("Localhost", "RuntimeDefault", "Unconfined")
        causes.append(say.unsupported(f"{path}.type", profile.type, supported))
    if profile.type != "Localhost":
        if profile.HasField("localhostProfile"):
            why = "can only be set when AppArmor type is Localhost"
            causes.append(say.invalid(here, profile.localhostProfile, why))
    elif not profile.localhostProfile.strip():
        causes.append(say.required(here, "must be set when AppArmor type is Localhost"))
    elif profile.localhostProfile != profile.localhostProfile.strip():
        causes.append(say.invalid(here, profile.localhostProfile, "must not be padded with whitespace"))
    elif len(profile.localhostProfile.encode()) > 4095:
        causes.append(say.too_long(here, 4095))


APP_ARMOR: Final = Table(
    core.AppArmorProfile,
    rules=(
        whole("type is Localhost (with localhostProfile), RuntimeDefault or Unconfined", _check_app_armor),
    ),
)


def _check_windows(options: Any, path: str, causes: Causes) -> None:
    if options.HasField("gmsaCredentialSpec"):
        here = f"{path}.gmsaCredentialSpec"
        if not options.gmsaCredentialSpec:
            causes.append(say.invalid(here, "", "gmsaCredentialSpec cannot be an empty string"))
        elif len(options.gmsaCredentialSpec.encode()) > _MAX_GMSA_BYTES:
            why = f"gmsaCredentialSpec size must be under {_MAX_GMSA_BYTES // 1024} KiB"
            causes.append(say.invalid(here, options.gmsaCredentialSpec, why))
    if options.HasField("runAsUserName"):
        here, name = f"{path}.runAsUserName", options.runAsUserName
        if not name:
            causes.append(say.invalid(here, name, "runAsUserName cannot be an empty string"))
        elif any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in name):
            causes.append(say.invalid(here, name, "runAsUserName cannot contain control characters"))
        elif name.count("\\") > 1:
            causes.append(say.invalid(here, name, "runAsUserName cannot contain more than one backslash"))


WINDOWS: Final = Table(
    core.WindowsSecurityContextOptions,
    rules=(
        rule("gmsaCredentialSpecName", DNS_SUBDOMAIN),
        whole("a credential spec of up to 64 KiB, a user name with an optional domain", _check_windows),
    ),
)

_ID_RULES: Final = (rule("runAsUser", ID), rule("runAsGroup", ID))


def _check_escalation(context: Any, path: str, causes: Causes) -> None:
    if not context.HasField("allowPrivilegeEscalation") or context.allowPrivilegeEscalation:
        return
    if context.privileged:
        why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        causes.append(say.invalid(path, context, why))
    if "CAP_SYS_ADMIN" in context.capabilities.add:
        why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        causes.append(say.invalid(path, context, why))


SECURITY_CONTEXT: Final = Table(
    core.SecurityContext,
    rules=(
        *_ID_RULES,
        rule("procMount", one_of("Default", "Unmasked")),
        into("seccompProfile", SECCOMP),
        into("appArmorProfile", APP_ARMOR),
        into("windowsOptions", WINDOWS),
        whole("allowPrivilegeEscalation is not false where privileged is true", _check_escalation),
    ),
)


def _check_ids(values: Iterable[int], path: str, causes: Causes) -> None:
    for index, value in enumerate(values):
        ID.check(value, f"{path}[{index}]", causes)


def _check_sysctls(values: Any, path: str, causes: Causes) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(values):
        here, name = f"{path}[{index}].name", sysctl.name
        if not name:
            causes.append(say.required(here))
        elif len(name) > _MAX_SYSCTL or not _SYSCTL.fullmatch(name):
            why = f"must have at most {_MAX_SYSCTL} characters and match regex {_SYSCTL.pattern}"
            causes.append(say.invalid(here, name, why))
        elif name in seen:
            causes.append(say.duplicate(here, name))
        seen.add(name)


POD_SECURITY_CONTEXT: Final = Table(
    core.PodSecurityContext,
    rules=(
        *_ID_RULES,
        rule("fsGroup", ID),
        rule("supplementalGroups", Checker(_check_ids, "each " + ID.says)),
        rule("fsGroupChangePolicy", one_of("OnRootMismatch", "Always")),
        rule("supplementalGroupsPolicy", one_of("Merge", "Strict")),
        rule("seLinuxChangePolicy", one_of("Recursive", "MountOption")),
        rule("sysctls", Checker(_check_sysctls, "names of kernel settings, each once")),
        into("seccompProfile", SECCOMP),
        into("appArmorProfile", APP_ARMOR),
        into("windowsOptions", WINDOWS),
    ),
)

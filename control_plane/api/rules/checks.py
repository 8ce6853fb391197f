"""Checkers of single values that tables share: names, numbers, enumerations, paths, quantities.

Each is a Checker: what it refuses, and in plain language what it wants. The syntax of names is that of
knarr.api.names; sentences are those of k8s.io/apimachinery, pkg/util/validation, and of Kubernetes'
pkg/apis/core/validation.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.engine import Causes, Checker
from knarr.api import names, quantity
from knarr.api.errors import QuantityError

Errors = Callable[[str], Sequence[str]]  # what is wrong with a text

NEGATIVE: Final = "must be greater than or equal to 0"
NOT_POSITIVE: Final = "must be greater than zero"
INT32_MAX: Final = 2**31 - 1
_DNS_1035: Final = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS_1035_ERROR: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_CONFIG_KEY: Final = re.compile("[-._a-zA-Z0-9]+")
_CONFIG_KEY_ERROR: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_HEADER: Final = re.compile("[-A-Za-z0-9]+")
_HEADER_ERROR: Final = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used "
    "for validation is '[-A-Za-z0-9]+')"
)
_ENV_NAME_ERROR: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_PERCENT: Final = re.compile("[0-9]+%")
_PERCENT_ERROR: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
    "used for validation is '[0-9]+%')"
)
_PORT_NAME: Final = re.compile("[-a-z0-9]+")


def within(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def text(errors: Errors, says: str) -> Checker:
    """Every sentence of `errors` is a cause; remembers texts, since the same few come again and again."""
    remembered = lru_cache(maxsize=8192)(errors)

    def check(value: str, path: str, causes: Causes) -> None:
        for error in remembered(value):
            causes.append(say.invalid(path, value, error))

    return Checker(check, says)


def dns_1035_errors(value: str) -> tuple[str, ...]:
    long = ("must be no more than 63 characters",) if len(value.encode()) > 63 else ()
    return long if _DNS_1035.fullmatch(value) else (*long, _DNS_1035_ERROR)


def config_key_errors(value: str) -> tuple[str, ...]:
    """Of a key of a ConfigMap or Secret."""
    found = []
    if len(value.encode()) > 253:
        found.append("must be no more than 253 characters")
    if not _CONFIG_KEY.fullmatch(value):
        found.append(_CONFIG_KEY_ERROR)
    return (*found, *_dots_errors(value))


def _dots_errors(value: str) -> tuple[str, ...]:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


def env_name_errors(value: str) -> tuple[str, ...]:
    """Of an environment variable: printable ASCII without "=" (Kubernetes 1.32 and later)."""
    if not value or not all(" " <= char <= "~" and char != "=" for char in value):
        return (_ENV_NAME_ERROR,)
    return ()


def header_name_errors(value: str) -> tuple[str, ...]:
    return () if _HEADER.fullmatch(value) else (_HEADER_ERROR,)


def port_name_errors(value: str) -> tuple[str, ...]:
    """Of a port's name, an IANA service name of up to 15 characters."""
    found = []
    if len(value.encode()) > 15:
        found.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in value):
        found.append("must contain at least one letter or number (a-z, 0-9)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        found.append("must not begin or end with a hyphen")
    return tuple(found)


def ip_errors(value: str) -> tuple[str, ...]:
    """Of an IP address, IPv4 or IPv6, without leading zeros or zone."""
    try:
        if "%" in value:
            raise ValueError(value)
        ipaddress.ip_address(value)
    except ValueError:
        return ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
    return ()


def cidr_errors(value: str) -> tuple[str, ...]:
    try:
        if "/" not in value:
            raise ValueError(value)
        ipaddress.ip_interface(value)
    except ValueError:
        return ("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",)
    return ()


def segment_errors(value: str) -> tuple[str, ...]:
    """Of a name that is only one segment of a path."""
    if value in (".", ".."):
        return (f"may not be '{value}'",)
    return tuple(f"may not contain '{char}'" for char in "/%" if char in value)


def percent_errors(value: str) -> tuple[str, ...]:
    return () if _PERCENT.fullmatch(value) else (_PERCENT_ERROR,)


DNS_LABEL: Final = text(names.dns_label_errors, "a DNS label: up to 63 of a-z, 0-9 and '-'")
DNS_SUBDOMAIN: Final = text(names.dns_subdomain_errors, "a DNS subdomain: up to 253 of a-z, 0-9, '-' and '.'")
DNS_1035_LABEL: Final = text(dns_1035_errors, "a DNS label that begins with a letter")
QUALIFIED_NAME: Final = text(
    names.qualified_name_errors, "a name of up to 63 characters, optionally after a DNS subdomain and '/'"
)
LABEL_VALUE: Final = text(
    names.label_value_errors, "a label value: up to 63 letters, digits, '-', '_' and '.'"
)
CONFIG_KEY: Final = text(config_key_errors, "letters, digits, '-', '_' and '.'")
ENV_NAME: Final = text(env_name_errors, "printable ASCII without '='")
HEADER_NAME: Final = text(header_name_errors, "an HTTP header name")
PORT_NAME: Final = text(port_name_errors, "up to 15 of a-z, 0-9 and '-', with a letter")
IP: Final = text(ip_errors, "an IP address")
CIDR: Final = text(cidr_errors, "an address range such as 10.0.0.0/8")
SEGMENT: Final = text(segment_errors, "not '.' or '..', without '/' and '%'")


def number(holds: Callable[[int], bool], error: str) -> Checker:
    """A number with a property."""

    def check(value: int, path: str, causes: Causes) -> None:
        if not holds(value):
            causes.append(say.invalid(path, value, error))

    return Checker(check, error.removeprefix("must be "))


def between(low: int, high: int, error: str = "") -> Checker:
    return number(lambda value: low <= value <= high, error or within(low, high))


NON_NEGATIVE: Final = number(lambda value: value >= 0, NEGATIVE)
POSITIVE: Final = number(lambda value: value > 0, NOT_POSITIVE)
PORT: Final = between(1, 65535)
ID: Final = between(0, INT32_MAX)  # of a user or group
FILE_MODE: Final = between(0, 0o777, "must be a number between 0 and 0777 (octal), both inclusive")


def one_of(*values: str) -> Checker:
    """One of the given texts."""
    known = frozenset(values)

    def check(value: str, path: str, causes: Causes) -> None:
        if value not in known:
            causes.append(say.unsupported(path, value, values))

    return Checker(check, "one of " + ", ".join(value or '""' for value in values))


def stated(*values: str) -> Checker:
    """One of the given texts; an explicit empty one is a missing one."""
    known = one_of(*values)

    def check(value: str, path: str, causes: Causes) -> None:
        if value:
            known.check(value, path, causes)
        else:
            causes.append(say.required(path))

    return Checker(check, known.says)


def each_text(inner: Checker, *, indexed: bool = True) -> Checker:
    """Every text of a list satisfies the inner checker."""

    def check(items: Iterable[str], path: str, causes: Causes) -> None:
        for index, value in enumerate(items):
            inner.check(value, f"{path}[{index}]" if indexed else path, causes)

    return Checker(check, f"each {inner.says}")


def _check_port_or_name(value: Any, path: str, causes: Causes) -> None:
    if value.type == 0:
        PORT.check(value.intVal, path, causes)
    elif value.type == 1:
        PORT_NAME.check(value.strVal, path, causes)
    else:
        causes.append(say.invalid(path, value, "unknown type"))


PORT_OR_NAME: Final = Checker(_check_port_or_name, "a port by number (1 to 65535) or name")


def _check_count_or_percent(value: Any, path: str, causes: Causes) -> None:
    if value.type == 0:
        NON_NEGATIVE.check(value.intVal, path, causes)
    elif value.type == 1:
        for error in percent_errors(value.strVal):
            causes.append(say.invalid(path, value, error))
    else:
        causes.append(say.invalid(path, value, "must be an integer or percentage (e.g '5%%')"))


COUNT_OR_PERCENT: Final = Checker(_check_count_or_percent, "a number or a percentage")


def percent_of(value: Any) -> int | None:
    """The number before the percent sign of an IntOrString; None when it is not a percentage."""
    if value.type != 1 or not _PERCENT.fullmatch(value.strVal):
        return None
    return int(value.strVal[:-1])


def _check_not_over_100(value: Any, path: str, causes: Causes) -> None:
    percent = percent_of(value)
    if percent is not None and percent > 100:
        causes.append(say.invalid(path, value, "must not be greater than 100%"))


NOT_OVER_100_PERCENT: Final = Checker(_check_not_over_100, "not more than 100%")


def _check_label_map(values: Any, path: str, causes: Causes) -> None:
    for key, value in values.items():
        QUALIFIED_NAME.check(key, path, causes)
        LABEL_VALUE.check(value, path, causes)


LABELS: Final = Checker(_check_label_map, "keys are qualified names, values are label values")


def _check_no_backsteps(value: str, path: str, causes: Causes) -> None:
    if ".." in value.split("/"):
        causes.append(say.invalid(path, value, "must not contain '..'"))


NO_BACKSTEPS: Final = Checker(_check_no_backsteps, "a path without '..'")


def _check_descending(value: str, path: str, causes: Causes) -> None:
    if value.startswith("/"):
        causes.append(say.invalid(path, value, "must be a relative path"))
    _check_no_backsteps(value, path, causes)


DESCENDING: Final = Checker(_check_descending, "a relative path without '..'")


def nanos(value: Any) -> int:
    """The amount of a quantity message in nanos; 0 for one that cannot be read (the codec refuses those)."""
    try:
        return quantity.parse(value.string or "0").nanos
    except QuantityError:
        return 0

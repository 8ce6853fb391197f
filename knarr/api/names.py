"""The syntax of names, label keys and label values, with the sentences Kubernetes refuses them by.

Each function returns what is wrong, () when nothing is. Source: k8s.io/apimachinery, pkg/util/validation.
"""

import re
from typing import Final

_NAME_PATTERN: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE_PATTERN: Final = f"({_NAME_PATTERN})?"
_LABEL_PATTERN: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_PATTERN: Final = rf"{_LABEL_PATTERN}(\.{_LABEL_PATTERN})*"
_NAME_RE: Final = re.compile(_NAME_PATTERN)
_VALUE_RE: Final = re.compile(_VALUE_PATTERN)
_LABEL_RE: Final = re.compile(_LABEL_PATTERN)
_SUBDOMAIN_RE: Final = re.compile(_SUBDOMAIN_PATTERN)

_ENDS_TEXT: Final = "and must start and end with an alphanumeric character"
_NAME_TEXT: Final = f"alphanumeric characters, '-', '_' or '.', {_ENDS_TEXT}"


def _regex_error(message: str, pattern: str, *examples: str) -> str:
    shown = ",  or ".join(f"'{example}'" for example in examples)
    return f"{message} (e.g. {shown}, regex used for validation is '{pattern}')"


_NAME_ERROR: Final = _regex_error(
    f"must consist of {_NAME_TEXT}", _NAME_PATTERN, "MyName", "my.name", "123-abc"
)
_VALUE_ERROR: Final = _regex_error(
    f"a valid label must be an empty string or consist of {_NAME_TEXT}",
    _VALUE_PATTERN,
    "MyValue",
    "my_value",
    "12345",
)
_LABEL_ERROR: Final = _regex_error(
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS_TEXT}",
    _LABEL_PATTERN,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_ERROR: Final = _regex_error(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    f"{_ENDS_TEXT}",
    _SUBDOMAIN_PATTERN,
    "example.com",
)


def _checked(text: str, pattern: re.Pattern[str], error: str, longest: int) -> tuple[str, ...]:
    size = len(text.encode(errors="surrogatepass"))
    too_long = (f"must be no more than {longest} characters",) if size > longest else ()
    return too_long if pattern.fullmatch(text) else (*too_long, error)


def dns_label_errors(text: str) -> tuple[str, ...]:
    """Of a name that is one DNS label: namespaces, containers, ports."""
    return _checked(text, _LABEL_RE, _LABEL_ERROR, 63)


def dns_subdomain_errors(text: str) -> tuple[str, ...]:
    """Of a name that is a DNS subdomain: most objects."""
    return _checked(text, _SUBDOMAIN_RE, _SUBDOMAIN_ERROR, 253)


def label_value_errors(text: str) -> tuple[str, ...]:
    return _checked(text, _VALUE_RE, _VALUE_ERROR, 63)


def qualified_name_errors(text: str) -> tuple[str, ...]:
    """Of a label or annotation key: a name with an optional DNS subdomain and a slash before it."""
    prefix, slash, name = text.partition("/")
    if "/" in name:
        return (
            f"a qualified name {_NAME_ERROR} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')",
        )
    errors: list[str] = []
    if not slash:
        name = prefix
    elif not prefix:
        errors.append("prefix part must be non-empty")
    else:
        errors.extend(f"prefix part {error}" for error in dns_subdomain_errors(prefix))
    if not name:
        errors.append("name part must be non-empty")
    errors.extend(f"name part {error}" for error in _checked(name, _NAME_RE, _NAME_ERROR, 63))
    return tuple(errors)

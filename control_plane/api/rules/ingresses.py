"""Rules and defaults of Ingresses and IngressClasses.

Source: Kubernetes' pkg/apis/networking/validation and pkg/apis/networking/v1/defaults.go.
"""

import re
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DNS_1035_LABEL,
    DNS_SUBDOMAIN,
    PORT,
    PORT_NAME,
    ip_errors,
    one_of,
)
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import GLOBAL_BY_SUBDOMAIN, NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import (
    default_pointer,
    each,
    immutable,
    into,
    required,
    rule,
    whole,
)
from knarr.proto.kubernetes import networking_v1_pb2 as networking

_WILDCARD: Final = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_WILDCARD_ERROR: Final = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
    "'*.example.com')"
)
_BAD_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS: Final = ("/..", "/.")


def _check_service(service: Any, path: str, causes: Causes) -> None:
    number, name = service.port.number, service.port.name
    if number and name:
        why = "cannot set both port name & port number"
        causes.append(say.invalid(path, service, why))
    if not service.name:
        causes.append(say.required(f"{path}.name"))
    else:
        DNS_1035_LABEL.check(service.name, f"{path}.name", causes)
    if name:
        PORT_NAME.check(name, f"{path}.port.name", causes)
    elif not number:
        causes.append(say.required(f"{path}.port", "port name or number is required"))
    else:
        PORT.check(number, f"{path}.port.number", causes)


def _check_backend(backend: Any, path: str, causes: Causes) -> None:
    has_resource, has_service = backend.HasField("resource"), backend.HasField("service")
    if has_resource and has_service:
        why = "cannot set both resource and service backends"
        causes.append(say.invalid(path, "", why))
    elif has_resource:
        for name in ("kind", "name"):
            if not getattr(backend.resource, name):
                causes.append(say.required(f"{path}.resource.{name}"))
    elif has_service:
        _check_service(backend.service, f"{path}.service", causes)
    else:
        why = "resource or service backend is required"
        causes.append(say.required(path, why))


BACKEND: Final = Table(
    networking.IngressBackend,
    rules=(whole("a service by name and port, or a resource", _check_backend),),
)


def _check_path(item: Any, path: str, causes: Causes) -> None:
    here, text = f"{path}.path", item.path
    if not item.HasField("pathType"):
        causes.append(say.required(f"{path}.pathType", "pathType must be specified"))
        return
    if item.pathType not in ("Exact", "ImplementationSpecific", "Prefix"):
        supported = ("Exact", "ImplementationSpecific", "Prefix")
        causes.append(say.unsupported(f"{path}.pathType", item.pathType, supported))
    elif item.pathType == "ImplementationSpecific":
        if text and not text.startswith("/"):
            causes.append(say.invalid(here, text, "must be an absolute path"))
    else:
        if not text.startswith("/"):
            causes.append(say.invalid(here, text, "must be an absolute path"))
        for bad in _BAD_SEQUENCES:
            if bad in text:
                causes.append(say.invalid(here, text, f"must not contain '{bad}'"))
        for bad in _BAD_ENDS:
            if text.endswith(bad):
                causes.append(say.invalid(here, text, f"cannot end with '{bad}'"))


def _check_host(host: str, path: str, causes: Causes) -> None:
    if "*" in host:
        if len(host.encode()) > 253 or not _WILDCARD.fullmatch(host):
            causes.append(say.invalid(path, host, _WILDCARD_ERROR))
    else:
        DNS_SUBDOMAIN.check(host, path, causes)


def _check_rule(item: Any, path: str, causes: Causes) -> None:
    host = item.host
    if not host:
        return
    if not ip_errors(host):
        causes.append(say.invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
    else:
        _check_host(host, f"{path}.host", causes)


HTTP: Final = Table(
    networking.HTTPIngressRuleValue,
    rules=(
        required("paths"),
        each(
            "paths",
            Table(
                networking.HTTPIngressPath,
                rules=(
                    whole(
                        "pathType is Exact, Prefix or ImplementationSpecific; path is absolute", _check_path
                    ),
                    into("backend", BACKEND),
                ),
            ),
        ),
    ),
)


def _check_ingress(spec: Any, path: str, causes: Causes) -> None:
    if not spec.rules and not spec.HasField("defaultBackend"):
        why = "either `defaultBackend` or `rules` must be specified"
        causes.append(say.invalid(path, [], why))
    for index, entry in enumerate(spec.tls):
        for place, host in enumerate(entry.hosts):
            _check_host(host, f"{path}.tls[{index}].hosts[{place}]", causes)


INGRESS: Final = Table(
    networking.Ingress,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                networking.IngressSpec,
                rules=(
                    whole("rules or a default backend; hosts are DNS names", _check_ingress),
                    into("defaultBackend", BACKEND),
                    each("tls", Table(networking.IngressTLS, rules=(rule("secretName", DNS_SUBDOMAIN),))),
                    each(
                        "rules",
                        Table(
                            networking.IngressRule,
                            rules=(
                                whole("host is a DNS name, which may begin with '*.'", _check_rule),
                                into(
                                    "ingressRuleValue",
                                    Table(networking.IngressRuleValue, rules=(into("http", HTTP),)),
                                ),
                            ),
                        ),
                    ),
                    rule("ingressClassName", DNS_SUBDOMAIN),
                ),
            ),
        ),
    ),
)


def _check_controller(spec: Any, path: str, causes: Causes) -> None:
    domain, slash, rest = spec.controller.partition("/")
    if not spec.controller:
        causes.append(say.required(path))
    elif not slash or not rest:
        why = 'must be a domain-prefixed path (such as "acme.io/foo")'
        causes.append(say.invalid(path, spec.controller, why))
    else:
        DNS_SUBDOMAIN.check(domain, path, causes)


INGRESS_CLASS: Final = Table(
    networking.IngressClass,
    rules=(
        into("metadata", GLOBAL_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                networking.IngressClassSpec,
                rules=(
                    whole("a domain and a path, as acme.io/foo", _check_controller, at="controller"),
                    into(
                        "parameters",
                        Table(
                            networking.IngressClassParametersReference,
                            rules=(
                                required("kind"),
                                required("name"),
                                required("scope"),
                                rule("scope", one_of("Cluster", "Namespace")),
                            ),
                            defaults=(default_pointer("scope", "Cluster"),),
                        ),
                    ),
                ),
            ),
        ),
    ),
)


RULES: Final = (
    ObjectRules(INGRESS),
    ObjectRules(INGRESS_CLASS, update=(immutable("spec.controller"),)),
)

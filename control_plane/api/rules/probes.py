"""Rules and defaults of probes and lifecycle hooks.

Source: Kubernetes' pkg/apis/core/validation (validateProbe, validateHandler) and core/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    HEADER_NAME,
    NON_NEGATIVE,
    PORT,
    PORT_OR_NAME,
    number,
    one_of,
)
from control_plane.api.rules.engine import Causes, Check, Checker, Rule, Table
from control_plane.api.rules.rows import default, default_pointer, into, required, rule, whole
from knarr.proto.kubernetes import core_v1_pb2 as core


def _check_headers(headers: Any, path: str, causes: Causes) -> None:
    for header in headers:
        HEADER_NAME.check(header.name, path, causes)


EXEC: Final = Table(core.ExecAction, rules=(required("command"),))
HTTP_GET: Final = Table(
    core.HTTPGetAction,
    rules=(
        required("path"),
        rule("port", PORT_OR_NAME, always=True),
        rule("scheme", one_of("HTTP", "HTTPS"), always=True),
        rule("httpHeaders", Checker(_check_headers, "names are HTTP header names")),
    ),
    defaults=(default("path", "/"), default("scheme", "HTTP")),
)
TCP_SOCKET: Final = Table(core.TCPSocketAction, rules=(rule("port", PORT_OR_NAME, always=True),))
GRPC: Final = Table(
    core.GRPCAction,
    rules=(rule("port", PORT, always=True),),
    defaults=(default_pointer("service", ""),),
)

_ACTIONS: Final[dict[str, Table]] = {"exec": EXEC, "httpGet": HTTP_GET, "tcpSocket": TCP_SOCKET, "grpc": GRPC}


def _check_handler(actions: dict[str, Table | None]) -> Check:
    """The first action that is set counts; each further one is forbidden and not looked into."""
    tables = tuple(actions.items())

    def check(handler: Any, path: str, causes: Causes) -> None:
        found = False
        for name, table in tables:
            if not handler.HasField(name):
                continue
            if found:
                causes.append(say.forbidden(f"{path}.{name}", "may not specify more than 1 handler type"))
            elif table is not None:
                table.check(getattr(handler, name), f"{path}.{name}", causes)
            found = True
        if not found:
            causes.append(say.required(path, "must specify a handler type"))

    return check


HANDLER: Final = Table(
    core.ProbeHandler,
    rules=(
        *(into(name, table, checked=False) for name, table in _ACTIONS.items()),
        whole("exactly one of exec, httpGet, tcpSocket and grpc", _check_handler({**_ACTIONS})),
    ),
)

_PROBE_RULES: Final = (
    into("handler", HANDLER),
    rule("initialDelaySeconds", NON_NEGATIVE),
    rule("timeoutSeconds", NON_NEGATIVE),
    rule("periodSeconds", NON_NEGATIVE),
    rule("successThreshold", NON_NEGATIVE),
    rule("failureThreshold", NON_NEGATIVE),
)
_PROBE_DEFAULTS: Final = (
    default("timeoutSeconds", 1),
    default("periodSeconds", 10),
    default("successThreshold", 1),
    default("failureThreshold", 3),
)
_GRACE: Final = rule(
    "terminationGracePeriodSeconds", number(lambda value: value > 0, "must be greater than 0")
)
_ONCE: Final = rule("successThreshold", number(lambda value: value == 1, "must be 1"), always=True)
_NO_GRACE: Final = Rule(
    "terminationGracePeriodSeconds",
    "not for readiness",
    lambda value, path, causes: causes.append(
        say.invalid(path, value, "must not be set for readinessProbes")
    ),
)

LIVENESS: Final = Table(core.Probe, rules=(*_PROBE_RULES, _GRACE, _ONCE), defaults=_PROBE_DEFAULTS)
STARTUP: Final = LIVENESS
READINESS: Final = Table(core.Probe, rules=(*_PROBE_RULES, _NO_GRACE), defaults=_PROBE_DEFAULTS)

HOOK: Final = Table(
    core.LifecycleHandler,
    rules=(
        *(into(name, table, checked=False) for name, table in _ACTIONS.items() if name != "grpc"),
        whole(
            "exactly one of exec, httpGet, tcpSocket and sleep",
            _check_handler({"exec": EXEC, "httpGet": HTTP_GET, "tcpSocket": TCP_SOCKET, "sleep": None}),
        ),
    ),
)
LIFECYCLE: Final = Table(core.Lifecycle, rules=(into("postStart", HOOK), into("preStop", HOOK)))

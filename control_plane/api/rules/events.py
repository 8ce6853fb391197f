"""Rules of Events: they belong to the namespace of the object they are about.

Source: Kubernetes' pkg/apis/core/validation/events.go (the rules of core/v1 events).
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import into, whole
from knarr.proto.kubernetes import core_v1_pb2 as core


def _check_namespace(event: Any, path: str, causes: Causes) -> None:
    """Events about objects without a namespace are kept in "default"."""
    about, own = event.involvedObject.namespace, event.metadata.namespace
    if not about:
        if own not in ("", "default", "kube-system"):
            causes.append(say.invalid(path, about, "does not match event.namespace"))
    elif own != about:
        causes.append(say.invalid(path, about, "does not match event.namespace"))
    if own:
        DNS_SUBDOMAIN.check(own, "namespace", causes)


EVENT: Final = Table(
    core.Event,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        whole("the namespace of the event", _check_namespace, at="involvedObject.namespace"),
    ),
)

RULES: Final = (ObjectRules(EVENT),)

"""Rules that bind a selector to the template of the pods it selects, for all controllers.

Source: Kubernetes' pkg/apis/apps/validation (ValidatePodTemplateSpecForReplicaSet and its kin).
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.engine import Causes, Rule
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import whole
from control_plane.api.rules.selectors import is_empty
from knarr.api import selectors
from knarr.api.errors import SelectorError
from knarr.proto.kubernetes import core_v1_pb2 as core

NO_MATCH: Final = "`selector` does not match template `labels`"


def selector_rule(owner: str) -> Rule:
    """The selector is there, is not empty, and matches the template's labels. `owner`: as messages name it."""

    def check(spec: Any, path: str, causes: Causes) -> None:
        here = f"{path}.selector"
        if not spec.HasField("selector"):
            causes.append(say.required(here))
        elif is_empty(spec.selector):
            causes.append(say.invalid(here, spec.selector, f"empty selector is invalid for {owner}"))
            return
        check_template_matches(spec, path, causes)

    return whole("selector is required, not empty, and matches the template's labels", check)


def check_template_matches(spec: Any, path: str, causes: Causes) -> None:
    """The template has the labels that the selector asks for; no selector matches nothing."""
    labels = spec.template.metadata.labels
    if spec.HasField("selector"):
        if not spec.selector.matchExpressions:
            # The common form; plain equality needs no compiled selector.
            if all(labels.get(key) == value for key, value in spec.selector.matchLabels.items()):
                return
        else:
            try:
                selector = selectors.from_message(spec.selector)
            except SelectorError:
                causes.append(say.invalid(f"{path}.selector", spec.selector, "invalid label selector"))
                return
            if selector.matches(labels):
                return
    causes.append(say.invalid(f"{path}.template.metadata.labels", dict(labels), NO_MATCH))


def template_rule(owner: str) -> Rule:
    """Pods of a controller are always restarted and have no deadline."""

    def check(spec: Any, path: str, causes: Causes) -> None:
        pod = spec.template.spec
        if pod.restartPolicy != "Always":
            causes.append(
                say.unsupported(f"{path}.template.spec.restartPolicy", pod.restartPolicy, ("Always",))
            )
        if pod.HasField("activeDeadlineSeconds"):
            why = f"activeDeadlineSeconds in {owner} is not Supported"
            causes.append(say.forbidden(f"{path}.template.spec.activeDeadlineSeconds", why))

    return whole("restartPolicy of the template is Always, and it has no activeDeadlineSeconds", check)


def check_template_of_claims(spec: Any, path: str, causes: Causes) -> None:
    """A template whose containers may also mount the claims, each as a volume of its name."""
    template = spec.template
    if spec.volumeClaimTemplates:
        named = {volume.name for volume in template.spec.volumes}
        template = core.PodTemplateSpec()
        template.CopyFrom(spec.template)
        for claim in spec.volumeClaimTemplates:
            if claim.metadata.name not in named:
                volume = template.spec.volumes.add(name=claim.metadata.name)
                volume.volumeSource.persistentVolumeClaim.claimName = claim.metadata.name
    POD_TEMPLATE.check(template, f"{path}.template", causes)

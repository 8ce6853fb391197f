"""Rules that bind a selector to the template of the pods it selects, for all controllers.

Source: Kubernetes' pkg/apis/apps/validation (ValidatePodTemplateSpecForReplicaSet and its kin).
"""

from functools import lru_cache
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.engine import Causes, Rule
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import whole
from control_plane.api.rules.selectors import LABEL_SELECTOR, is_empty
from knarr.api import selectors
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NO_MATCH: Final = "`selector` does not match template `labels`"


@lru_cache(maxsize=4096)
def _compiled(selector: bytes) -> selectors.Selector | None:
    """Of a serialised LabelSelector; None for one that its own rules refuse."""
    message = meta.LabelSelector.FromString(selector)
    wrong: Causes = []
    LABEL_SELECTOR.check(message, "", wrong)
    return None if wrong else selectors.from_message(message)


def selector_rule(owner: str) -> Rule:
    """The selector is there, not empty, and matches the template. `owner`: as messages name it."""

    def check(spec: Any, path: str, causes: Causes) -> None:
        here = f"{path}.selector"
        if not spec.HasField("selector"):
            causes.append(say.required(here))
        elif is_empty(spec.selector):
            causes.append(say.invalid(here, spec.selector, f"empty selector is invalid for {owner}"))
            return
        elif _compiled(spec.selector.SerializeToString(deterministic=True)) is None:
            causes.append(say.invalid(here, spec.selector, "invalid label selector"))
            return
        check_template_matches(spec, path, causes)

    return whole("selector is required, not empty, and matches the template's labels", check)


def check_template_matches(spec: Any, path: str, causes: Causes) -> None:
    """The template has the labels that the selector asks for; no selector matches nothing. Of one that is no
    selector nothing is said."""
    labels = spec.template.metadata.labels
    if spec.HasField("selector"):
        selector = _compiled(spec.selector.SerializeToString(deterministic=True))
        if selector is None or selector.matches(labels):
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

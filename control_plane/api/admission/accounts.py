"""ServiceAccount: each pod runs as an account of its namespace, which must be there. Pure.

Every namespace is made together with the account `default`. Pods get no tokens of their accounts, and so no
volume with one. Source: kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin.
"""

from collections.abc import Sequence
from typing import Final

from control_plane.api.admission.refusing import refuse
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core

DEFAULT: Final = "default"
MIRROR: Final = "kubernetes.io/config.mirror"  # of pods that a node runs by itself


def default_account(namespace: str) -> core.ServiceAccount:
    """The account that every namespace has, as somebody would write it."""
    account = core.ServiceAccount()
    account.metadata.namespace, account.metadata.name = namespace, DEFAULT
    return account


def runs_as_account(pod: core.Pod) -> bool:
    """Whether the pod is one that needs an account."""
    return MIRROR not in pod.metadata.annotations


def admit_account(pod: core.Pod, pull_secrets: Sequence[str] | None) -> None:
    """Give the pod its account's secrets for pulling images, in place, where it names none itself.
    `pull_secrets`: None when there is no such account."""
    own, name = pod.metadata, pod.spec.serviceAccountName
    if pull_secrets is None:
        why = f'error looking up service account {own.namespace}/{name}: serviceaccount "{name}" not found'
        raise refuse(POD, pod, why)
    if not pod.spec.imagePullSecrets:
        for secret in pull_secrets:
            pod.spec.imagePullSecrets.add(name=secret)

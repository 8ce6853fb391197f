"""The service account controller: every namespace has the account `default`.

A new namespace is made together with it; this repairs what somebody deleted, and namespaces older than that.
Source: Kubernetes' serviceaccounts-controller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.admission import default_account
from control_plane.controllers.actions import Action, Create, Failure
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import ChangeType, ObjectChange, ObjectKey, Objects
from knarr.api.kinds import NAMESPACE
from knarr.proto.kubernetes import core_v1_pb2 as core


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A namespace, and its account when it has one."""

    namespace: core.Namespace
    account: core.ServiceAccount | None


class ServiceAccountController:
    """Makes the accounts."""

    name = "serviceaccount"
    primaries: Sequence[type[Message]] = (core.Namespace,)

    def __init__(self) -> None:
        self._wanted = default_account("").metadata.name
        self.watches: Mapping[type[Message], KeysOf] = {
            core.Namespace: lambda objects, change: (change.key,),
            core.ServiceAccount: self._of_account,
        }

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> AccountSnapshot | None:
        namespace = objects.get(core.Namespace, "", key.name)
        if namespace is None:
            return None
        return AccountSnapshot(namespace, objects.get(core.ServiceAccount, key.name, self._wanted))

    def decide(self, snapshot: AccountSnapshot, now: float) -> tuple[Action, ...]:
        """Make the account unless it is there or the namespace is on its way out."""
        if snapshot.account is not None or snapshot.namespace.metadata.HasField("deletionTimestamp"):
            return ()
        return (Create(default_account(snapshot.namespace.metadata.name)),)

    def _of_account(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        if change.type is not ChangeType.DELETED or change.key.name != self._wanted:
            return ()
        return (ObjectKey(NAMESPACE.name, "", change.key.namespace),)

"""The way of a write through admission: first what is filled in, then, once it is valid, what is refused.

What depends on other objects is looked up here; the modules beside this one decide.
"""

from google.protobuf.message import Message

from control_plane.api.admission.accounts import admit_account, runs_as_account
from control_plane.api.admission.classes import fill_ingress_class, fill_storage_class
from control_plane.api.admission.limits import check_limits, fill_limits
from control_plane.api.admission.namespaces import admit_namespace
from control_plane.api.admission.priorities import admit_priority, admit_priority_class, keep_priority
from control_plane.api.admission.tolerations import admit_tolerations
from control_plane.api.lookups import Lookups
from control_plane.api.messages import metadata
from control_plane.api.settings import ApiSettings
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling


class Admission:
    """What admission does to the objects of all kinds."""

    def __init__(self, lookups: Lookups, settings: ApiSettings) -> None:
        self._lookups = lookups
        self._settings = settings

    async def fill_new(self, kind: Kind, obj: Message) -> None:
        """Fill in, in place, what admission adds to a new object that has its defaults. Raises Forbidden, and
        NotFound where its namespace does not exist."""
        if kind.namespaced:
            namespace = await self._lookups.namespace(metadata(obj).namespace)
            admit_namespace(kind, obj, namespace)
        match obj:
            case core.Pod():
                await self._fill_pod(kind, obj)
            case core.PersistentVolumeClaim():
                fill_storage_class(obj, self._lookups.storage_classes())
            case networking.Ingress():
                fill_ingress_class(obj, self._lookups.ingress_classes())
            case scheduling.PriorityClass():
                admit_priority_class(obj, self._lookups.priority_classes().values())

    async def _fill_pod(self, kind: Kind, pod: core.Pod) -> None:
        namespace = pod.metadata.namespace
        fill_limits(pod, self._lookups.limit_ranges(namespace))
        if runs_as_account(pod):
            account = pod.spec.serviceAccountName
            admit_account(pod, await self._lookups.pull_secrets(namespace, account))
        admit_priority(kind, pod, self._lookups.priority_classes())
        admit_tolerations(pod, self._settings.toleration_s)

    def check_new(self, kind: Kind, obj: Message) -> None:
        """Raises Forbidden for a valid new object that admission does not let in."""
        if isinstance(obj, core.Pod | core.PersistentVolumeClaim):
            check_limits(kind, obj, self._lookups.limit_ranges(obj.metadata.namespace))

    def fill_changed(self, kind: Kind, new: Message, old: Message) -> None:
        """The same of a changed object; raises Forbidden."""
        if isinstance(new, core.Pod) and isinstance(old, core.Pod):
            keep_priority(new, old)
            # A writer that says all its tolerations leaves out those that were added when the pod was made.
            admit_tolerations(new, self._settings.toleration_s)
        elif isinstance(new, scheduling.PriorityClass):
            admit_priority_class(new, self._lookups.priority_classes().values())

    def check_changed(self, kind: Kind, new: Message, old: Message) -> None:
        """Raises Forbidden for a valid change that admission does not let in."""
        if isinstance(new, core.PersistentVolumeClaim):
            check_limits(kind, new, self._lookups.limit_ranges(new.metadata.namespace))

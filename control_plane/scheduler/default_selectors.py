"""Which pods count as those of a pod that names no spread constraints: by the services that select it and by
its controller.

Kubernetes' rule: the labels that those services select, and the selector of the ReplicaSet, StatefulSet or
ReplicationController that owns the pod, all of them together; without any, the pod is not spread. Pure.

Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints (cluster-level default
constraints).
"""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from control_plane.scheduler.selectors import Requirement, Selector
from control_plane.scheduler.shape import Shape


class DefaultSelectors:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Mapping[str, str]]] = {}  # namespace -> name -> labels
        self._controllers: dict[str, Selector] = {}  # by uid
        self._known: WeakKeyDictionary[Shape, Selector | None] = WeakKeyDictionary()

    def put_service(self, namespace: str, name: str, selector: Mapping[str, str]) -> None:
        """Learn what a service selects; one that selects nothing is forgotten."""
        there = self._services.setdefault(namespace, {})
        if there.get(name, {}) == selector:
            return
        if selector:
            there[name] = dict(selector)
        else:
            del there[name]
        self._known.clear()

    def put_controller(self, uid: str, selector: Selector) -> None:
        """Learn the selector of a controller. It never changes, and pods seldom come before it."""
        if uid not in self._controllers:
            self._controllers[uid] = selector
            for shape in [shape for shape in self._known if shape.owner_uid == uid]:
                del self._known[shape]

    def remove_controller(self, uid: str) -> None:
        """Forget a controller."""
        self._controllers.pop(uid, None)

    def of(self, shape: Shape) -> Selector | None:
        """What pods of this shape are counted by; None: they are not spread."""
        if shape not in self._known:
            self._known[shape] = self._selector(shape)
        return self._known[shape]

    def _selector(self, shape: Shape) -> Selector | None:
        labels, selected = shape.label_map(), dict[str, str]()
        for _, wanted in sorted(self._services.get(shape.namespace, {}).items()):
            if wanted.items() <= labels.items():
                selected.update(wanted)
        requirements = [Requirement(key, "In", (value,)) for key, value in sorted(selected.items())]
        owner = self._controllers.get(shape.owner_uid)
        if owner is not None:
            requirements += [row for row in owner.requirements if row not in requirements]
        return Selector(tuple(requirements)) if requirements else None

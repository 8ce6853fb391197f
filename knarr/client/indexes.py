"""Indexes over the objects of a cache: which of them have a value. Pure."""

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from google.protobuf.message import Message

from knarr.client.known import Key
from knarr.client.references import metadata_of
from knarr.proto.kubernetes import core_v1_pb2 as core

M = TypeVar("M", bound=Message)

ValuesOf = Callable[[M], Iterable[str]]
"""The values under which an object is found: none, one or several. It may not change the object."""


class Index(Generic[M]):
    """One index, fed with every change of the cache."""

    def __init__(self, values_of: ValuesOf[M]) -> None:
        self.values_of = values_of
        self._keys: dict[str, dict[Key, None]] = {}  # used as sets that keep their order
        self._values: dict[Key, tuple[str, ...]] = {}

    def put(self, key: Key, obj: M) -> None:
        """The object is there, like this."""
        values = tuple(dict.fromkeys(self.values_of(obj)))
        if self._values.get(key, ()) == values:
            return
        self.drop(key)
        if values:
            self._values[key] = values
            for value in values:
                self._keys.setdefault(value, {})[key] = None

    def drop(self, key: Key) -> None:
        """The object is gone."""
        for value in self._values.pop(key, ()):
            keys = self._keys[value]
            del keys[key]
            if not keys:
                del self._keys[value]

    def find(self, value: str) -> Collection[Key]:
        """The objects with this value."""
        return self._keys.get(value, {}).keys()

    def values(self) -> Collection[str]:
        """All values that some object has."""
        return self._keys.keys()


def namespace_of(obj: Message) -> Iterable[str]:
    """By namespace."""
    return (metadata_of(obj).namespace,)


def owners_of(obj: Message) -> Iterable[str]:
    """By the uids of all owners."""
    return (owner.uid for owner in metadata_of(obj).ownerReferences)


def node_of(pod: core.Pod) -> Iterable[str]:
    """By the name of the node that a pod is bound to."""
    return (pod.spec.nodeName,) if pod.spec.nodeName else ()

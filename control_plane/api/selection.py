"""Which objects of a kind a request means: its namespace, labels and fields. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.registry import selectable
from control_plane.objects.records import CachedRecord
from knarr.api import field_selectors, selectors
from knarr.api.errors import SelectorError
from knarr.api.kinds import Kind
from knarr.errors import BadRequest

# What the cache keeps beside the bytes, so that an object need not be parsed to be selected by it.
_CACHED: Mapping[str, Callable[[CachedRecord], str]] = {
    "metadata.name": lambda record: record.name,
    "metadata.namespace": lambda record: record.namespace,
}
_CACHED_OF_PODS: Mapping[str, Callable[[CachedRecord], str]] = {
    **_CACHED,
    "spec.nodeName": lambda record: record.node_name,
    "status.phase": lambda record: record.phase,
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind are meant."""

    kind: Kind
    namespace: str = ""
    labels: selectors.Selector = selectors.EVERYTHING
    fields: field_selectors.FieldSelector = field_selectors.EVERYTHING
    # Whether the cache's own fields suffice to tell.
    indexed: bool = field(init=False)

    def __post_init__(self) -> None:
        known = self._known
        indexed = all(each.path in known for each in self.fields.requirements)
        object.__setattr__(self, "indexed", indexed)

    @property
    def _known(self) -> Mapping[str, Callable[[CachedRecord], str]]:
        return _CACHED_OF_PODS if self.kind.name == "Pod" else _CACHED

    @property
    def prefix(self) -> str:
        """The storage prefix under which all of them are."""
        return f"{self.kind.prefix}{self.namespace}/" if self.namespace else self.kind.prefix

    @property
    def everything(self) -> bool:
        """Whether all objects under the prefix are meant."""
        return self.labels.everything and not self.fields.requirements

    @property
    def name(self) -> str | None:
        """The one name that is meant, when it is one."""
        return self.fields.exact("metadata.name")

    def matches(self, obj: Message) -> bool:
        """Whether an object of the kind is selected; its namespace is taken to be right."""
        if not self.labels.everything and not self.labels.matches(metadata(obj).labels):
            return False
        if not self.fields.requirements:
            return True
        readers = selectable(self.kind)
        return self.fields.matches(lambda path: readers[path](obj))

    def matches_record(self, record: CachedRecord) -> bool:
        """The same of what the cache has, parsed only where it must be."""
        if self.namespace and record.namespace != self.namespace:
            return False
        if not self.labels.everything and not self.labels.matches(dict(record.labels)):
            return False
        if not self.fields.requirements:
            return True
        if self.indexed:
            known = self._known
            return self.fields.matches(lambda path: known[path](record))
        return self.matches(self.kind.message.FromString(record.value))


def selection(kind: Kind, namespace: str, labels: str, fields: str) -> Selection:
    """The selection that a request names; raises BadRequest."""
    try:
        wanted = selectors.parse(labels) if labels else selectors.EVERYTHING
        requirements = field_selectors.parse(fields) if fields else field_selectors.EVERYTHING
        _check_fields(kind, requirements)
    except SelectorError as error:
        raise BadRequest(str(error)) from error
    return Selection(kind, namespace if kind.namespaced else "", wanted, requirements)


def _check_fields(kind: Kind, wanted: field_selectors.FieldSelector) -> None:
    """Raises SelectorError, in Kubernetes' words for kinds with fields of their own or without."""
    readers = selectable(kind)
    if len(readers) > 2 or not kind.namespaced:
        wanted.check(readers)
        return
    for each in wanted.requirements:
        if each.path not in readers:
            raise SelectorError(
                f'"{each.path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )

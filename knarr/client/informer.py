"""A cache of the objects of one kind, kept up to date by a list and a watch, with indexes and handlers.

It only reads. Readers get messages of their own, made from the bytes it holds: changing one changes nothing
here. Handlers are called in the event loop, in order, once the cache and its indexes are what the change says
or newer; an event only tells that something changed, so decide from the cache and not from the event.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from math import inf
from typing import Generic, TypeVar

from google.protobuf.message import Message

from knarr.api.selectors import parse
from knarr.client.following import Source, progress
from knarr.client.indexes import Index, ValuesOf, namespace_of
from knarr.client.known import ChangeType, Key, Known, Step
from knarr.client.references import kind_of, metadata_of
from knarr.client.results import Change

M = TypeVar("M", bound=Message)

Handler = Callable[[Change[M]], object]

BY_NAMESPACE = "namespace"
SEEN_TIMEOUT_S = 10.0


class Informer(Generic[M]):
    """The objects of one kind; usually had from Informers, which runs it."""

    def __init__(self, kind: type[M], source: Source, rng: random.Random) -> None:
        self._kind = kind
        self._source = source
        self._rng = rng
        self._known = Known()
        self._indexes: dict[str, Index[M]] = {BY_NAMESPACE: Index(namespace_of)}
        self._handlers: list[Handler[M]] = []
        self._version = 0
        self._synced = asyncio.Event()
        self._news = asyncio.Condition()

    def __str__(self) -> str:
        return kind_of(self._kind).plural

    # reading

    def __len__(self) -> int:
        return len(self._known)

    @property
    def synced(self) -> bool:
        """Whether what existed at the first list is here and handlers have been told of it."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Return once it is synced; who needs a deadline uses asyncio.timeout."""
        await self._synced.wait()

    async def seen(self, obj: Message) -> None:
        """Return once the cache holds an object that a write has returned, or a newer state of it: reading
        your own writes. Raises TimeoutError after SEEN_TIMEOUT_S; so it does for an object that the
        informer's selectors leave out."""
        version = int(metadata_of(obj).resourceVersion)
        async with asyncio.timeout(SEEN_TIMEOUT_S), self._news:
            await self._news.wait_for(lambda: self._version >= version)

    def get(self, namespace: str, name: str) -> M | None:
        """One object, or None; `namespace` is "" for kinds that have none."""
        value = self._known.get((namespace, name))
        return self._kind.FromString(value) if value is not None else None

    def keys(self) -> Sequence[Key]:
        """The namespaces and names of all objects."""
        return list(self._known)

    def list(self, namespace: str | None = None, *, labels: str = "") -> Sequence[M]:
        """All objects, or those of a namespace; those that a label selector matches."""
        found = self._objects(self._known) if namespace is None else self.by_index(BY_NAMESPACE, namespace)
        if not labels:
            return found
        selector = parse(labels)
        return [obj for obj in found if selector.matches(metadata_of(obj).labels)]

    def by_index(self, name: str, value: str) -> Sequence[M]:
        """The objects that an index has under a value; raises KeyError for an index that there is not."""
        return self._objects(self._index(name).find(value))

    def index_values(self, name: str) -> Sequence[str]:
        """All values that an index has; raises KeyError."""
        return list(self._index(name).values())

    # following

    def add_indexes(self, indexes: Mapping[str, ValuesOf[M]]) -> None:
        """Add indexes by name. One that is there already must be of the same function: ValueError."""
        for name, values_of in indexes.items():
            there = self._indexes.get(name)
            if there is not None:
                if there.values_of != values_of:
                    raise ValueError(f"informer of {self}: there is another index named {name}")
                continue
            index = self._indexes[name] = Index(values_of)
            for obj in self._objects(self._known):
                own = metadata_of(obj)
                index.put((own.namespace, own.name), obj)

    def subscribe(self, handler: Handler[M]) -> Callable[[], None]:
        """Call the handler with each change; first, at once, with what is here already, as ADDED. Returns
        what ends that. What a handler raises ends the informer. Handlers share the objects that they are
        given: they may not change them."""
        for obj in self._objects(self._known):
            handler(Change(ChangeType.ADDED, obj, None))
        self._handlers.append(handler)
        return lambda: self._unsubscribe(handler)

    def on(
        self,
        added: Callable[[M], object] | None = None,
        updated: Callable[[M, M], object] | None = None,
        deleted: Callable[[M], object] | None = None,
    ) -> Callable[[], None]:
        """As subscribe, with a function for each type of change: `updated` gets the state before and the
        state after, `deleted` the last state."""

        def handle(change: Change[M]) -> None:
            match change:
                case Change(ChangeType.ADDED):
                    if added is not None:
                        added(change.object)
                case Change(ChangeType.DELETED):
                    if deleted is not None:
                        deleted(change.object)
                case Change(previous=previous):
                    if updated is not None and previous is not None:
                        updated(previous, change.object)

        return self.subscribe(handle)

    async def run(self) -> None:
        """Keep the cache up to date until cancelled; raises what a server refuses for good, and what a
        handler raises."""
        async with aclosing(progress(self._source, self._known, inf, self._rng)) as stream:
            async for part in stream:
                self._tell(part.steps)
                if part.version:
                    self._version = int(part.version)
                    async with self._news:
                        self._news.notify_all()
                if part.listed:
                    self._synced.set()

    def _tell(self, steps: Sequence[Step]) -> None:
        changes = [self._indexed(step) for step in steps]
        for handler in tuple(self._handlers):
            for change in changes:
                handler(change)

    def _indexed(self, step: Step) -> Change[M]:
        obj = self._kind.FromString(step.value)
        for index in self._indexes.values():
            if step.type is ChangeType.DELETED:
                index.drop(step.key)
            else:
                index.put(step.key, obj)
        return Change(
            step.type, obj, self._kind.FromString(step.previous) if step.previous is not None else None
        )

    def _index(self, name: str) -> Index[M]:
        found = self._indexes.get(name)
        if found is None:
            raise KeyError(f"informer of {self}: no index {name}; there are {', '.join(self._indexes)}")
        return found

    def _objects(self, keys: Iterable[Key]) -> Sequence[M]:
        values = map(self._known.get, keys)
        return [self._kind.FromString(value) for value in values if value is not None]

    def _unsubscribe(self, handler: Handler[M]) -> None:
        if handler in self._handlers:
            self._handlers.remove(handler)

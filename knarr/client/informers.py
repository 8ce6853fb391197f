"""The informers of a program: one for each kind and selection, shared by all who ask for it."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from google.protobuf.message import Message

from knarr.client.following import Trim
from knarr.client.indexes import ValuesOf
from knarr.client.informer import Informer
from knarr.client.watching import Watching

M = TypeVar("M", bound=Message)

SYNC_TIMEOUT_S = 60.0

_Selected = tuple[type[Message], str, str, str, Trim[Any] | None]


class Informers:
    """Runs informers while its `async with` lasts. When one of them fails (the server refuses it for good, or
    a handler raises), the block is cancelled and that error raised; of several, an ExceptionGroup."""

    def __init__(self, client: Watching) -> None:
        self._client = client
        self._informers: dict[_Selected, Informer[Any]] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        # What the block itself raised goes on as it is, and not as one of a group.
        own = error is not None and not isinstance(error, asyncio.CancelledError)
        try:
            await self._group.__aexit__(*((None, None, None) if own else (kind, error, trace)))
        except BaseExceptionGroup as errors:
            if len(errors.exceptions) == 1:
                raise errors.exceptions[0] from None
            raise

    def of(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        indexes: Mapping[str, ValuesOf[M]] | None = None,
        trim: Trim[M] | None = None,
    ) -> Informer[M]:
        """The informer of a kind, in all namespaces when `namespace` is empty; begun when it is asked for the
        first time. `indexes` are added to those that it has; `trim` takes off each object what nobody here
        reads, in place, before it is remembered. Subscribe before anything is awaited, and
        nothing comes before it."""
        selected = (kind, namespace, labels, fields, trim)
        informer = cast(Informer[M] | None, self._informers.get(selected))
        if informer is None:
            source = self._client.source(kind, namespace, labels=labels, fields=fields, trim=trim)
            informer = self._informers[selected] = Informer(kind, source, self._client.rng)
            self._tasks.append(self._group.create_task(informer.run(), name=f"informer-{informer}"))
        if indexes:
            informer.add_indexes(indexes)
        return informer

    async def wait_synced(self, timeout_s: float = SYNC_TIMEOUT_S) -> None:
        """Return once all informers asked for so far are synced; raises TimeoutError naming those that are
        not."""
        try:
            async with asyncio.timeout(timeout_s):
                for informer in list(self._informers.values()):
                    await informer.wait_synced()
        except TimeoutError as error:
            missing = ", ".join(str(each) for each in self._informers.values() if not each.synced)
            raise TimeoutError(f"not synced within {timeout_s:g} s: {missing}") from error

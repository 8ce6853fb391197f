"""The ledger: an object and the quotas that it is charged to are written in one step, or not at all.

The writes of one namespace that its quotas have to do with go through one queue in this process. Those that
wait there when a round begins are charged together (rounds.py).
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from control_plane.api.admission.quotas.accounts import Change
from control_plane.api.admission.quotas.counting import Counter
from control_plane.api.admission.quotas.known import KnownQuotas
from control_plane.api.admission.quotas.rounds import Charged, Entry, Round, next_round
from control_plane.api.messages import metadata
from control_plane.api.records import Records
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import Outcome
from knarr.errors import ApiError


class Ledger:
    """Charges the quotas of all namespaces."""

    def __init__(self, objects: CachedObjects, storage: Records) -> None:
        self._storage = storage
        self._known = KnownQuotas(objects)
        self._counter = Counter(storage, self._known)
        self._queues: dict[str, deque[Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def concerns(self, change: Change) -> bool:
        """Whether any quota may have to do with the change."""
        if not change.kind.namespaced:
            return False
        namespace = _namespace(change)
        return self._known.any(namespace) and any(
            account.concerns(change) for account in self._known.accounts(namespace)
        )

    async def commit(self, items: Sequence[Charged]) -> list[Outcome | ApiError]:
        """Charge and write each; Forbidden where a quota says no. Cancelling takes back nothing."""
        entries = [Entry(item) for item in items]
        for entry in entries:
            self._enqueue(_namespace(entry.item.change), entry)
        outcomes: list[Outcome | ApiError] = []
        for outcome in await asyncio.gather(*(entry.done for entry in entries), return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, ApiError):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    async def check(self, change: Change) -> None:
        """Raises Forbidden where a quota says no; charges nothing."""
        if not self.concerns(change):
            return
        for account in await self._counter.accounts(_namespace(change)):
            account.check(change, account.owed(change))

    async def recount(self, namespace: str, name: str) -> None:
        """Count anew, from the store, what a quota's namespace uses. Another write of the quota meanwhile, or
        its end, is no error: it is counted another time. Raises Unavailable."""
        await self._counter.recount(namespace, name)

    def _enqueue(self, namespace: str, entry: Entry) -> None:
        queue = self._queues.get(namespace)
        if queue is None:
            queue = self._queues[namespace] = deque()
            task = asyncio.create_task(self._drain(namespace, queue), name=f"quota-ledger {namespace}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append(entry)

    async def _drain(self, namespace: str, queue: deque[Entry]) -> None:
        """Rounds until nobody waits, each bounded by the deadlines of the store and a number of tries."""
        while queue:
            entries = next_round(queue)
            try:
                await Round(self._storage, self._known, self._counter, namespace, entries).run()
            except BaseException as error:
                for entry in (*entries, *queue) if isinstance(error, asyncio.CancelledError) else entries:
                    entry.fail(error)
                if not isinstance(error, Exception):
                    raise
        del self._queues[namespace]


def _namespace(change: Change) -> str:
    obj = change.new if change.new is not None else change.old
    assert obj is not None
    return metadata(obj).namespace

"""The ledger: an object and the quotas that it is charged to are written in one step, or not at all.

The writes of one namespace that its quotas have to do with go through one queue in this process. Those that
wait there when a round begins are charged together (rounds.py).
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from control_plane.api.admission.quotas.accounts import Account, Change
from control_plane.api.admission.quotas.counting import Counter
from control_plane.api.admission.quotas.known import KnownQuotas
from control_plane.api.admission.quotas.rounds import ROUND_WRITES, Charged, Entry, Round, next_round
from control_plane.api.records import Records
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import Outcome
from knarr.errors import ApiError

CROWD = 3  # entries of one round: where so many came together, more are coming
GATHER_S = 0.002  # how long a round that is not full waits for them
COMMIT_TIMEOUT_S = 20.0  # several rounds; a store that does not answer ends each of them in five


class Ledger:
    """Charges the quotas of all namespaces."""

    def __init__(self, objects: CachedObjects, storage: Records) -> None:
        self._storage = storage
        self._known = KnownQuotas(objects)
        self._counter = Counter(storage, self._known)
        self._queues: dict[str, deque[Entry]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def concerned(self, changes: Sequence[Change]) -> list[int]:
        """Which of the changes any quota may have to do with."""
        accounts: dict[str, Sequence[Account]] = {}
        found: list[int] = []
        for index, change in enumerate(changes):
            if not change.kind.namespaced:
                continue
            namespace = change.namespace
            known = accounts.get(namespace)
            if known is None:
                known = accounts[namespace] = self._known.accounts(namespace)
            if known and any(account.concerns(change) for account in known):
                found.append(index)
        return found

    async def commit(self, items: Sequence[Charged]) -> list[Outcome | ApiError]:
        """Charge and write each; Forbidden where a quota says no. Cancelling takes back nothing."""
        entries = [Entry(item) for item in items]
        for entry in entries:
            self._enqueue(entry.item.change.namespace, entry)
        await asyncio.wait([entry.done for entry in entries], timeout=COMMIT_TIMEOUT_S)
        return [entry.outcome() for entry in entries]

    async def check(self, change: Change) -> None:
        """Raises Forbidden where a quota says no; charges nothing."""
        if not self.concerned([change]):
            return
        for account in await self._counter.accounts(change.namespace):
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
        crowded = False
        while queue:
            entries: list[Entry] = []
            try:
                if crowded and len(queue) < ROUND_WRITES:
                    await asyncio.sleep(GATHER_S)
                entries = next_round(queue, self._known.count(namespace))
                crowded = len(entries) >= CROWD
                await Round(self._storage, self._known, self._counter, namespace, entries).run()
            except BaseException as error:
                for entry in (*entries, *queue) if isinstance(error, asyncio.CancelledError) else entries:
                    entry.fail(error)
                if not isinstance(error, Exception):
                    raise
        del self._queues[namespace]

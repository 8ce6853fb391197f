"""One round of the ledger: one comparison and one write of each quota for up to some forty objects.

Another process that charges the same quota at the same time makes one of the two steps fail its comparison;
that round begins again from what is stored now. Nothing is refused on old knowledge.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from control_plane.api import refusals
from control_plane.api.admission.quotas.accounts import Account, Change
from control_plane.api.admission.quotas.counting import Counter
from control_plane.api.admission.quotas.known import KnownQuotas
from control_plane.api.messages import encode
from control_plane.api.records import Records
from control_plane.store.interface import (
    MAX_TOGETHER,
    POSITIONS,
    AmbiguousError,
    Failed,
    Outcome,
    Record,
    Refused,
    Write,
    Written,
)
from knarr.api.kinds import RESOURCE_QUOTA
from knarr.errors import ApiError, Forbidden

ROUND_WRITES = 40  # of objects; fewer where there are many quotas
LOOKED_AT = 200  # waiting entries looked at to fill one round
ROUND_BYTES = 1_000_000  # of the objects of one round, unless one alone is larger
TRIES = 40  # of one round, before its writers are told that there is no end to it


@dataclass(frozen=True, slots=True)
class Charged:
    """A write of one object, which compares, and what it means for quotas."""

    change: Change
    write: Write

    @property
    def parts(self) -> tuple[Write, ...]:
        """The write, and those done with it."""
        return (replace(self.write, also=()), *self.write.also) if self.write.also else (self.write,)


@dataclass(eq=False, slots=True)
class Entry:
    """A charged write that waits for its outcome."""

    item: Charged
    done: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def outcome(self) -> Outcome | ApiError:
        """What came of it; while nothing is known, that it may have been done or not."""
        if not self.done.done():
            return Failed(AmbiguousError("not written in time"))
        error = self.done.exception()
        if error is None:
            return self.done.result()
        if isinstance(error, ApiError):
            return error
        raise error

    def settle(self, outcome: Outcome) -> None:
        if not self.done.done():
            self.done.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # it may be that nobody waits any more


def next_round(queue: deque[Entry], quotas: int) -> list[Entry]:
    """Take from a queue what can be written in one step with so many quotas, at least one entry."""
    room = min(ROUND_WRITES, MAX_TOGETHER - quotas)
    entries: list[Entry] = []
    passed: list[Entry] = []
    keys: set[str] = set()
    positions: set[int] = set()  # of deletions
    count = size = 0
    while queue and len(entries) + len(passed) < LOOKED_AT:
        entry = queue.popleft()
        parts = entry.item.parts
        larger = size + sum(len(part.value or b"") for part in parts)
        if entries and (count + len(parts) > room or larger > ROUND_BYTES):
            passed.append(entry)
            break
        deleted = {(part.expected or 0) % POSITIONS for part in parts if part.value is None}
        own = {part.key for part in parts}
        if deleted & positions or own & keys:
            passed.append(entry)
            continue
        count, size = count + len(parts), larger
        keys |= own
        positions |= deleted
        entries.append(entry)
    queue.extendleft(reversed(passed))
    return entries


class Round:
    """Charges and writes some entries of one namespace."""

    def __init__(
        self,
        storage: Records,
        known: KnownQuotas,
        counter: Counter,
        namespace: str,
        entries: Sequence[Entry],
    ) -> None:
        self._storage = storage
        self._known = known
        self._counter = counter
        self._namespace = namespace
        self._entries = list(entries)

    async def run(self) -> None:
        """Settle every entry; raises ApiError when the store cannot be read."""
        accounts, fresh = self._known.accounts(self._namespace), False
        for attempt in range(TRIES):
            if not all(account.counted for account in accounts):
                accounts, fresh = await self._counter.accounts(self._namespace), True
                if not all(account.counted for account in accounts):
                    await self._storage.pause(attempt)
                    continue
            admitted, refused = self._admit(accounts)
            if refused and not fresh:
                accounts, fresh = await self._counter.accounts(self._namespace), True
                admitted, refused = self._admit(accounts)
            for entry, error in refused:
                entry.fail(error)
            self._entries = admitted
            met = bool(admitted) and await self._write([account for account in accounts if account.changed])
            if not self._entries:
                return
            if met:
                await self._storage.pause(attempt)
            accounts, fresh = self._known.accounts(self._namespace), False
        for entry in self._entries:
            entry.fail(refusals.conflict(RESOURCE_QUOTA, accounts[0].quota.metadata.name))

    def _admit(self, accounts: Sequence[Account]) -> tuple[list[Entry], list[tuple[Entry, Forbidden]]]:
        """Charge the accounts, in place, for each entry that all of them allow, in order."""
        admitted: list[Entry] = []
        refused: list[tuple[Entry, Forbidden]] = []
        for entry in self._entries:
            change = entry.item.change
            owed = [account.owed(change) for account in accounts]
            try:
                for account, amounts in zip(accounts, owed, strict=True):
                    account.check(change, amounts)
            except Forbidden as error:
                refused.append((entry, error))
                continue
            for account, amounts in zip(accounts, owed, strict=True):
                account.charge(amounts)
            admitted.append(entry)
        return admitted, refused

    async def _write(self, accounts: Sequence[Account]) -> bool:
        """Write the entries with these accounts, and settle those of which the outcome is known. Whether some
        of it met another write of a quota."""
        parts = [part for entry in self._entries for part in entry.item.parts]
        quotas = [self._quota_write(account) for account in accounts]
        first, *others = (*parts, *quotas)
        if len(others) >= MAX_TOGETHER:
            why = f"more quotas count the same object than can be charged at once ({MAX_TOGETHER - 1})"
            raise refusals.forbidden(RESOURCE_QUOTA, accounts[0].quota.metadata.name, why)
        (outcome,) = await self._storage.write_all([replace(first, also=tuple(others))])
        match outcome:
            case Written(version, also) if len(also) == len(others):
                self._settle_written((version, *also))
                for account, quota, written in zip(accounts, quotas, also[len(parts) - 1 :], strict=True):
                    self._known.written(account, quota.value or b"", written)
            case Refused(current, also):
                return self._settle_refused(accounts, (current, *also))
            case Failed(error) if not isinstance(error, AmbiguousError):
                self._settle_all(outcome)
            case _:
                await self._find_out()
        return False

    def _quota_write(self, account: Account) -> Write:
        key = RESOURCE_QUOTA.key(self._namespace, account.quota.metadata.name)
        return Write(key, encode(account.message()), account.version)

    def _settle_all(self, outcome: Outcome) -> None:
        for entry in self._entries:
            entry.settle(outcome)
        self._entries = []

    def _settle_written(self, versions: Sequence[int]) -> None:
        start = 0
        for entry in self._entries:
            end = start + len(entry.item.parts)
            entry.settle(Written(versions[start], tuple(versions[start + 1 : end])))
            start = end
        self._entries = []

    def _settle_refused(self, accounts: Sequence[Account], found: Sequence[Record | None]) -> bool:
        """Entries that are at fault themselves are refused; the others stay. Whether a quota was at fault."""
        kept: list[Entry] = []
        start = 0
        for entry in self._entries:
            parts = entry.item.parts
            stored = found[start : start + len(parts)]
            start += len(parts)
            if all(_holds(part, record) for part, record in zip(parts, stored, strict=True)):
                kept.append(entry)
            else:
                entry.settle(Refused(stored[0], tuple(stored[1:])))
        self._entries = kept
        for account, record in zip(accounts, found[start:], strict=True):
            self._known.found(account, record)
        return any(
            record is None or record.version != account.version
            for account, record in zip(accounts, found[start:], strict=True)
        )

    async def _find_out(self) -> None:
        """The store did not confirm the step: each entry is looked for."""
        entries, self._entries = self._entries, []
        writes = [entry.item.write for entry in entries]
        for entry, outcome in zip(entries, await self._storage.settle_all(writes), strict=True):
            entry.settle(outcome)


def _holds(write: Write, record: Record | None) -> bool:
    return (record.version if record else 0) // POSITIONS == (write.expected or 0) // POSITIONS

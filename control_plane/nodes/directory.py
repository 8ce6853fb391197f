"""Which node has a session with which replica of the api server, as the store says.

One key for each session, `/knarr/sessions/<node>`, attached to the lease of the replica that holds it.
Its version is the session's epoch: unique, and greater than that of every session before.
"""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from control_plane.store.interface import Change, CompactedError, Record, Store, UnavailableError
from knarr.clock import Clock

PREFIX = "/knarr/sessions/"
PAGE = 1000
RETRY_S = 0.5
REMEMBER_ENDED_S = 600.0  # an ended session is remembered this long; later it is as if it never was

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is stored of a session."""

    replica: str  # "host:port" at which other replicas reach the holder
    machine_id: str
    since: float  # seconds since 1970

    def encode(self) -> bytes:
        return json.dumps(
            {"replica": self.replica, "machineId": self.machine_id, "since": self.since}
        ).encode()

    @classmethod
    def decode(cls, value: bytes) -> "SessionRecord":
        fields = json.loads(value)
        return cls(fields["replica"], fields["machineId"], fields["since"])


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session that is open somewhere."""

    record: SessionRecord
    epoch: int


Listener = Callable[[str, SessionEntry | None], None]


def session_key(node_name: str) -> str:
    """The storage key of a node's session."""
    return PREFIX + node_name


class SessionDirectory:
    """All open sessions, kept up to date by a watch."""

    def __init__(self, store: Store, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._entries: dict[str, SessionEntry] = {}
        self._ended: dict[str, float] = {}  # node -> monotonic time at which its last session ended
        self._listeners: list[Listener] = []
        self._synced = asyncio.Event()
        self.started_at = clock.monotonic()

    def get(self, node_name: str) -> SessionEntry | None:
        return self._entries.get(node_name)

    def __len__(self) -> int:
        return len(self._entries)

    def last_seen(self, node_name: str) -> float | None:
        """Monotonic seconds when the node was last known to have a session: now, while it has one; None
        when it had none since this process started to look."""
        if node_name in self._entries:
            return self._clock.monotonic()
        return self._ended.get(node_name)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(node, entry)` at every change; entry None: the session ended. The result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def synced(self) -> None:
        """Return once all sessions that were open at the start are known."""
        await self._synced.wait()

    async def run(self) -> None:
        """Keep up with the store for ever."""
        while True:
            try:
                version = await self._list()
                self._synced.set()
                async for changes in self._store.watch(PREFIX, version):
                    self._take(changes)
            except (UnavailableError, CompactedError) as error:
                log.info("session directory lost its watch", error=str(error))
            await asyncio.sleep(RETRY_S * (1 + self._rng.random()))

    async def _list(self) -> int:
        found: dict[str, Record] = {}
        page = await self._store.list(PREFIX, limit=PAGE)
        found.update((record.key, record) for record in page.records)
        while page.more:
            after = page.records[-1].key
            page = await self._store.list(PREFIX, limit=PAGE, after=after, version=page.version)
            found.update((record.key, record) for record in page.records)
        for record in found.values():
            self._set(record.key, record.value, record.version)
        for node in [node for node in self._entries if session_key(node) not in found]:
            self._set(session_key(node), None, 0)
        # A store that was away took our view with it: give every node the chance to appear again.
        self.started_at = self._clock.monotonic()
        return page.version

    def _take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._set(change.key, change.value, change.version)

    def _set(self, key: str, value: bytes | None, version: int) -> None:
        node = key[len(PREFIX) :]
        if value is None:
            if self._entries.pop(node, None) is None:
                return
            self._remember_end(node)
            entry = None
        else:
            entry = SessionEntry(SessionRecord.decode(value), version)
            if self._entries.get(node) == entry:
                return
            self._entries[node] = entry
            self._ended.pop(node, None)
        for listener in tuple(self._listeners):
            listener(node, entry)

    def _remember_end(self, node: str) -> None:
        now = self._clock.monotonic()
        self._ended = {name: at for name, at in self._ended.items() if now - at < REMEMBER_ENDED_S}
        self._ended[node] = now

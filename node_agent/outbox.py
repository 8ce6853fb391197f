"""Reports on their way to the control plane: the newest of each pod, sent in batches until acknowledged.

One batch is on its way at a time; what happens meanwhile is collected, so a slow control plane gets fewer
and larger batches. A new session starts with everything that is known.
"""

import asyncio
from collections import deque

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire

MAX_PODS = 500  # in one batch
MAX_EVENTS = 1000  # waiting; the oldest are dropped
COLLECT_S = 0.02  # a burst becomes one batch
RESEND_S = 15.0  # without an acknowledgement


class Outbox:
    """What has to be said about pods."""

    def __init__(self) -> None:
        self._latest: dict[str, wire.PodReport] = {}
        self._pending: dict[str, None] = {}  # uids in the order in which they changed
        self._forgotten: set[str] = set()
        self._events: deque[core.Event] = deque(maxlen=MAX_EVENTS)
        self._sequence = 0
        self._sent: wire.StatusReport | None = None
        self._something = asyncio.Event()
        self._acked = asyncio.Event()

    def put(self, report: wire.PodReport) -> None:
        """The pod's newest report takes the place of those before."""
        self._forgotten.discard(report.uid)
        self._latest[report.uid] = report
        self._pending[report.uid] = None
        self._something.set()

    def put_event(self, event: core.Event) -> None:
        """An event; lost when there are too many."""
        self._events.append(event)
        self._something.set()

    def forget(self, uid: str) -> None:
        """Nothing of the pod is left: its last report goes once it was acknowledged."""
        self._forgotten.add(uid)
        self._drop_forgotten()

    def begin(self) -> None:
        """A new session: sequences begin anew, and everything known is sent again."""
        self._take_back()
        self._sequence = 0
        self._pending.update(dict.fromkeys(self._latest))
        if self._pending or self._events:
            self._something.set()

    async def next(self) -> wire.StatusReport:
        """The next batch, once there is one to send and the one before was acknowledged or is overdue."""
        if self._sent is not None:
            try:
                async with asyncio.timeout(RESEND_S):
                    await self._acked.wait()
            except TimeoutError:
                self._take_back()
        await self._something.wait()
        await asyncio.sleep(COLLECT_S)
        self._sequence += 1
        batch = wire.StatusReport(sequence=self._sequence)
        for uid in list(self._pending)[:MAX_PODS]:
            del self._pending[uid]
            batch.pods.append(self._latest[uid])
        batch.events.extend(self._events)
        self._events.clear()
        if not self._pending:
            self._something.clear()
        self._acked.clear()
        self._sent = batch
        return batch

    def acknowledged(self, sequence: int) -> None:
        """The control plane has stored all batches up to this one."""
        if self._sent is not None and sequence >= self._sent.sequence:
            self._sent = None
            self._acked.set()
            self._drop_forgotten()

    def _take_back(self) -> None:
        """What was sent and not acknowledged is sent again, in its newest form."""
        if self._sent is None:
            return
        for report in self._sent.pods:
            if report.uid in self._latest:
                self._pending[report.uid] = None
        self._events.extendleft(reversed(self._sent.events))
        self._sent = None
        self._something.set()

    def _drop_forgotten(self) -> None:
        unacknowledged = {report.uid for report in self._sent.pods} if self._sent is not None else set()
        for uid in [u for u in self._forgotten if u not in self._pending and u not in unacknowledged]:
            self._forgotten.discard(uid)
            self._latest.pop(uid, None)

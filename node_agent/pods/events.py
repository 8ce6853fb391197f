"""Events about pods, for people: core/v1 Events that travel with the status reports.

The same sentence about the same pod is not sent again for a while: a container in a crash loop would fill
the store with them.
"""

from collections import OrderedDict
from collections.abc import Callable

from knarr.clock import Clock, Ids
from knarr.proto.kubernetes import core_v1_pb2 as core

REPEAT_AFTER_S = 600.0
_REMEMBERED = 2000
_COMPONENT = "knarr-agent"


class EventRecorder:
    """Makes Events and hands them to `send`."""

    def __init__(self, node: str, send: Callable[[core.Event], None], clock: Clock, ids: Ids) -> None:
        self._node = node
        self._send = send
        self._clock = clock
        self._ids = ids
        self._sent: OrderedDict[tuple[str, str, str, str], float] = OrderedDict()

    def record(
        self, pod: core.Pod, reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None:
        """Take note, unless the same was said lately."""
        now = self._clock.now()
        key = (pod.metadata.uid, container, reason, message)
        last = self._sent.get(key)
        if last is not None and now - last < REPEAT_AFTER_S:
            return
        self._sent[key] = now
        self._sent.move_to_end(key)
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        self._send(self._event(pod, reason, message, container, warning, int(now)))

    def _event(
        self, pod: core.Pod, reason: str, message: str, container: str, warning: bool, now: int
    ) -> core.Event:
        event = core.Event(
            reason=reason, message=message[:1024], count=1, type="Warning" if warning else "Normal"
        )
        event.metadata.name = f"{pod.metadata.name[:230]}.{self._ids.suffix(12)}"
        event.metadata.namespace = pod.metadata.namespace
        about = event.involvedObject
        about.kind, about.apiVersion = "Pod", "v1"
        about.namespace, about.name, about.uid = pod.metadata.namespace, pod.metadata.name, pod.metadata.uid
        if container:
            about.fieldPath = f"spec.containers{{{container}}}"
        event.source.component, event.source.host = _COMPONENT, self._node
        event.reportingComponent, event.reportingInstance = _COMPONENT, self._node
        event.firstTimestamp.seconds = event.lastTimestamp.seconds = now
        return event

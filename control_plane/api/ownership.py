"""Who owns which field: server-side apply, and the record of it in metadata.managedFields."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from control_plane.api.patching import apply, track_update
from knarr.api.kinds import Kind


class Ownership:
    """Applies and records; pure."""

    def apply(
        self,
        live: Message | None,
        applied: Mapping[str, Any],
        kind: Kind,
        manager: str,
        force: bool,
        now: float,
    ) -> Message:
        """The object after an apply; raises Conflict naming the other managers."""
        return apply(live, applied, kind, manager=manager, force=force, now=now)

    def updated(
        self, old: Message | None, new: Message, kind: Kind, manager: str, now: float, subresource: str = ""
    ) -> None:
        """Record, in place, who wrote the fields that differ."""
        track_update(old, new, kind, manager=manager, now=now, subresource=subresource)

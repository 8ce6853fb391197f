"""Patches, server-side apply and the ownership of fields: pure functions on JSON documents and messages.

Nothing here does I/O, reads a clock, defaults or validates: the API's write path does that with the results.
"""

from control_plane.api.patching.apply import apply, require_manager
from control_plane.api.patching.json_patch import json_patch
from control_plane.api.patching.merge_patch import merge_patch
from control_plane.api.patching.ownership import carry_over, track_update
from control_plane.api.patching.strategic import strategic_merge

__all__ = [
    "apply",
    "carry_over",
    "json_patch",
    "merge_patch",
    "require_manager",
    "strategic_merge",
    "track_update",
]

"""Patches, server-side apply and the ownership of fields: pure functions on JSON documents and messages.

Nothing here does I/O, reads a clock, defaults or validates: the API's write path does that with the results.
"""

from control_plane.api.patching.json_patch import json_patch
from control_plane.api.patching.merge_patch import merge_patch
from control_plane.api.patching.strategic import strategic_merge

__all__ = ["json_patch", "merge_patch", "strategic_merge"]

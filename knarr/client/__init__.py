"""The client library: typed, asynchronous access to a control plane.

    async with Client.dial(["127.0.0.1:7443"]) as client:
        pods = await client.list(core.Pod, "default", labels="app=web")

Reads are retried while the server cannot be reached; a write is retried only where nothing was done.
"""

from knarr.client.client import Client
from knarr.client.results import Listed, WatchedObject, WriteResult

__all__ = ["Client", "Listed", "WatchedObject", "WriteResult"]

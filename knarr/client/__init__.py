"""The client library: typed, asynchronous access to a control plane.

    async with Client.connect(["127.0.0.1:7443"]) as client:
        pods = await client.list(core.Pod, "default", labels="app=web")

Reads are tried again while they cannot be answered. A write is sent again only where nothing was done, or
where a precondition in it makes that harmless; where neither is so and its answer is lost, Ambiguous is
raised. The guide is docs/guides/client.md.
"""

from knarr.client.client import Client
from knarr.client.controller import Controller, controlled_by, own_key
from knarr.client.errors import Ambiguous, Unreachable
from knarr.client.following import drop_managed_fields
from knarr.client.indexes import node_of, owners_of
from knarr.client.informer import Informer
from knarr.client.informers import Informers
from knarr.client.known import ChangeType
from knarr.client.leading import Leader, LeaderSettings
from knarr.client.references import metadata_of, reference
from knarr.client.results import Change, DeleteResult, Listed, WatchedObject, WriteResult
from knarr.transport import InsecureAddress

__all__ = [
    "Ambiguous",
    "Change",
    "ChangeType",
    "Client",
    "Controller",
    "DeleteResult",
    "Informer",
    "Informers",
    "InsecureAddress",
    "Leader",
    "LeaderSettings",
    "Listed",
    "Unreachable",
    "WatchedObject",
    "WriteResult",
    "controlled_by",
    "drop_managed_fields",
    "metadata_of",
    "node_of",
    "own_key",
    "owners_of",
    "reference",
]

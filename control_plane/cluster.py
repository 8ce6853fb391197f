"""What is there from the beginning: the cluster's id, and the namespaces that everything rests on."""

import asyncio
import random

import structlog

from control_plane.api.api import Api, WriteOptions
from control_plane.store.interface import ABSENT, AmbiguousError, Failed, Store, StoreError, Write
from knarr.api.kinds import NAMESPACE
from knarr.clock import Ids
from knarr.errors import AlreadyExists, ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

ID_KEY = "/knarr/cluster"
NAMESPACES = ("default", "kube-system")
RETRY_S = 0.5

log = structlog.get_logger()


async def cluster_id(store: Store, ids: Ids, rng: random.Random) -> str:
    """The id of the cluster that this store holds, made when it is new. Waits for the store."""
    while True:
        try:
            record = await store.get(ID_KEY)
            if record is not None:
                return record.value.decode()
            (outcome,) = await store.write([Write(ID_KEY, ids.uid().encode(), ABSENT)])
            if isinstance(outcome, Failed) and not isinstance(outcome.error, AmbiguousError):
                raise outcome.error
        except StoreError as error:
            log.info("waiting for the store", error=str(error))
            await asyncio.sleep(RETRY_S * (1 + rng.random()))


async def make_namespaces(api: Api, rng: random.Random) -> None:
    """Create the first namespaces where they are missing."""
    for name in NAMESPACES:
        namespace = core.Namespace()
        namespace.metadata.name = name
        while True:
            try:
                await api.create(NAMESPACE, "", namespace, WriteOptions(manager="knarr", track=False))
                break
            except AlreadyExists:
                break
            except ApiError as error:
                log.info("waiting to create a namespace", namespace=name, error=str(error))
                await asyncio.sleep(RETRY_S * (1 + rng.random()))

"""What is there from the beginning: the cluster's id, and the objects that everything rests on."""

import asyncio
import random

import structlog
from google.protobuf.message import Message

from control_plane.api.admission import PREEMPT, SYSTEM_PRIORITIES
from control_plane.api.api import Api, WriteOptions
from control_plane.api.messages import metadata
from control_plane.store.interface import ABSENT, AmbiguousError, Failed, Store, StoreError, Write
from knarr.api.kinds import of
from knarr.clock import Ids
from knarr.errors import AlreadyExists, ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

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


async def make_first_objects(api: Api, rng: random.Random) -> None:
    """Create the first namespaces and priority classes where they are missing."""
    for obj in first_objects():
        while True:
            try:
                await api.create(of(obj), "", obj, WriteOptions(manager="knarr", track=False))
                break
            except AlreadyExists:
                break
            except ApiError as error:
                log.info("waiting to create a first object", name=metadata(obj).name, error=str(error))
                await asyncio.sleep(RETRY_S * (1 + rng.random()))


def first_objects() -> list[Message]:
    """What a cluster has from its beginning."""
    namespaces: list[Message] = [core.Namespace(metadata=meta.ObjectMeta(name=name)) for name in NAMESPACES]
    classes = [
        scheduling.PriorityClass(
            metadata=meta.ObjectMeta(name=name),
            value=value,
            preemptionPolicy=PREEMPT,
            description="For pods of the system that the cluster cannot do without; they are placed first.",
        )
        for name, value in SYSTEM_PRIORITIES.items()
    ]
    return namespaces + classes

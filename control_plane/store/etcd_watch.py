"""A watch on etcd that outlives connections: nothing lost, nothing twice, revisions whole.

It resumes after the last revision it has handed on, never from a header's revision, and asks for no progress
reports. etcd (3.4 at least) lets a watch begin at the very revision of a compaction, where deletions may be
gone already; so each stream makes sure that the revision before its first one is still kept.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

import grpc
import grpc.aio

from control_plane.store.etcd_client import LEADER_REQUIRED, EtcdClient
from control_plane.store.etcd_values import changes_of, list_version, prefix_end
from control_plane.store.interface import (
    EMPTY,
    POSITIONS,
    AmbiguousError,
    Change,
    CompactedError,
    FutureVersionError,
    UnavailableError,
)
from knarr.backoff import Backoff
from knarr.proto.etcd import kv_pb2 as kv
from knarr.proto.etcd import rpc_pb2 as rpc

CREATE_TIMEOUT_S = 5.0  # from opening a stream to etcd's word that the watch stands


async def watch(client: EtcdClient, prefix: str, version: int) -> AsyncGenerator[Sequence[Change], None]:
    """See Store.watch."""
    backoff = Backoff(client.rng, 0.05, 2.0)
    version = max(version, EMPTY)  # etcd takes revision 0 for "from now on"
    revision, position = divmod(version, POSITIONS)
    start = revision + 1 if position == POSITIONS - 1 else revision
    while not client.closed:
        try:
            async with contextlib.aclosing(_stream(client, prefix, start)) as stream:
                async for events in stream:
                    backoff.reset()
                    start = events[-1].kv.mod_revision + 1
                    changes = changes_of(events, version)
                    version = max(version, list_version(start - 1))
                    if changes:
                        yield changes
        except CompactedError as error:
            raise CompactedError(version, list_version(error.oldest)) from error
        except FutureVersionError as error:
            raise CompactedError(version, 0) from error
        except (UnavailableError, AmbiguousError):
            await asyncio.sleep(backoff.next_s())


async def _stream(client: EtcdClient, prefix: str, start: int) -> AsyncGenerator[Sequence[kv.Event], None]:
    """Events of whole revisions from one stream, until it breaks. Raises CompactedError whose `oldest` is a
    revision, UnavailableError and AmbiguousError."""
    endpoint = await client.connected()
    call = endpoint.watch.Watch(metadata=LEADER_REQUIRED)
    held: list[kv.Event] = []
    try:
        async with asyncio.timeout(CREATE_TIMEOUT_S):
            await call.write(_create(prefix, start))
            _checked(await call.read())
            await _kept_before(client, prefix, start)
        while True:
            response = _checked(await call.read())
            events = [*held, *response.events]
            held = []
            if response.fragment:
                events, held = _last_apart(events)
            if events:
                yield events
    except grpc.aio.AioRpcError as error:
        raise client.failure(endpoint, error) from error
    except asyncio.CancelledError as error:
        if client.cut_off():
            raise UnavailableError("the connection to etcd was closed") from error
        raise
    except (TimeoutError, asyncio.InvalidStateError) as error:
        client.leave(endpoint)
        raise UnavailableError("etcd did not open a watch") from error
    finally:
        call.cancel()


def _create(prefix: str, start: int) -> rpc.WatchRequest:
    return rpc.WatchRequest(
        create_request=rpc.WatchCreateRequest(
            key=prefix.encode(),
            range_end=prefix_end(prefix),
            start_revision=start,
            prev_kv=True,
            fragment=True,
        )
    )


def _checked(response: object) -> rpc.WatchResponse:
    """The response, unless it ends the watch."""
    if not isinstance(response, rpc.WatchResponse):
        raise UnavailableError("etcd ended the watch")
    if response.compact_revision:
        raise CompactedError(0, response.compact_revision)
    if response.canceled:
        raise UnavailableError(f"etcd ended the watch: {response.cancel_reason}")
    return response


async def _kept_before(client: EtcdClient, prefix: str, start: int) -> None:
    """Raises CompactedError unless the revision before `start` is kept."""
    if start > 1:
        before = rpc.RangeRequest(key=prefix.encode(), revision=start - 1, keys_only=True, limit=1)
        await client.repeat(lambda endpoint: endpoint.kv.Range, before)


def _last_apart(events: list[kv.Event]) -> tuple[list[kv.Event], list[kv.Event]]:
    """All but the last revision, more of which may follow, and that one."""
    if not events:
        return [], []
    last = events[-1].kv.mod_revision
    cut = len(events)
    while cut and events[cut - 1].kv.mod_revision == last:
        cut -= 1
    return events[:cut], events[cut:]

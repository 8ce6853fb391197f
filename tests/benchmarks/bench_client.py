"""What an informer of the client library takes, in a process of its own that does nothing else.

`client.informer.rss_bytes_per_pod`: memory for each pod, indexes by node and owner included.
`client.informer.sync_s`: from asking for it until all pods are there.
`client.informer.get_us`, `client.informer.by_node_ms`: reading one pod, and the 100 pods of a node.
All of them with pods as they are (`how=whole`) and without managedFields (`how=trimmed`).
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable

from knarr.client import Client, drop_managed_fields, node_of, owners_of
from knarr.client.following import Trim
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.benchmarks.api.documents import NAMESPACE, pod
from tests.benchmarks.api.server import api_server
from tests.benchmarks.usage import usage
from tests.support.bench import Report

PODS = 10_000
NODES = 100
READS = 10_000
TRIMS: dict[str, Trim[core.Pod] | None] = {"whole": None, "trimmed": drop_managed_fields}
UNITS = {"rss_bytes_per_pod": "bytes", "sync_s": "s", "get_us": "us", "by_node_ms": "ms"}


async def run(report: Report) -> None:
    async with api_server() as server:
        async with Client.connect([server.address], timeout_s=60.0) as client:
            await client.create_all([_pod(number) for number in range(PODS)])
            example = await client.get(core.Pod, NAMESPACE, _name(0))
        for how, trim in TRIMS.items():
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __name__, server.address, how, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await child.communicate()
            if trim is not None:
                trim(example)
            size = example.ByteSize()
            for name, value in json.loads(out).items():
                report(f"client.informer.{name}", value, UNITS[name], pods=PODS, how=how, pod_bytes=size)


def _pod(number: int) -> core.Pod:
    made = pod(_name(number))
    made.spec.nodeName = f"node-{number % NODES}"
    made.metadata.ownerReferences.add(
        apiVersion="apps/v1",
        kind="ReplicaSet",
        name="web-7d9c4b5f6",
        uid=f"00000000-0000-4000-8000-{number // 10:012d}",
        controller=True,
    )
    return made


def _name(number: int) -> str:
    return f"web-7d9c4b5f6-{number:05d}"


async def measure(address: str, how: str) -> dict[str, float]:
    """The figures, in this process."""
    async with Client.connect([address]) as client, client.informers() as informers:
        await client.server_info()
        gc.collect()
        before = usage(os.getpid()).rss_bytes
        began = time.perf_counter()
        pods = informers.of(core.Pod, indexes={"node": node_of, "owner": owners_of}, trim=TRIMS[how])
        await informers.wait_synced()
        sync_s = time.perf_counter() - began
        gc.collect()
        return {
            "rss_bytes_per_pod": (usage(os.getpid()).rss_bytes - before) / len(pods),
            "sync_s": sync_s,
            "get_us": _mean_s(lambda: pods.get(NAMESPACE, _name(42)), READS) * 1e6,
            "by_node_ms": _mean_s(lambda: pods.by_index("node", "node-5"), READS // NODES) * 1e3,
        }


def _mean_s(read: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        read()
    return (time.perf_counter() - began) / times


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(*sys.argv[1:]))))

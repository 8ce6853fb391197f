"""How long a control plane needs to schedule again when it starts on a full store, and how much memory.

`python -m tests.benchmarks.schedule.restart ENDPOINT NODES PODS` is the process that is measured: from its
start to the binding of a pod that is created then.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdSettings
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.benchmarks.schedule.objects import basic_pod
from tests.benchmarks.schedule.stack import Stack, at_work, each, serving
from tests.benchmarks.usage import peak_mib
from tests.support.bench import Report
from tests.support.etcd import real_etcd

DEADLINE_S = 180.0


async def run(report: Report, nodes: int, pods: int) -> None:
    """`schedule.restart.<nodes>n.{ready_s,rss_mib}`: process start included."""
    async with real_etcd() as etcd:
        stack = Stack(etcd.store())
        async with serving(stack):
            await stack.fill(nodes)
            await each(range(pods), lambda number: stack.writer.create(_placed(number, nodes)))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            etcd.endpoint,
            str(nodes),
            str(pods),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate()
        found = json.loads(output.decode().splitlines()[-1])
    params = {"nodes": nodes, "pods": pods}
    report(f"schedule.restart.{nodes}n.ready_s", found["ready_s"], "s", **params)
    report(f"schedule.restart.{nodes}n.rss_mib", found["rss_mib"], "MiB", **params)


def _placed(number: int, nodes: int) -> core.Pod:
    pod = basic_pod(number)
    pod.spec.nodeName = f"node-{number % nodes}"
    return pod


async def _measured(endpoint: str, nodes: int, pods: int) -> None:
    stack = Stack(EtcdStore.connect(EtcdSettings((endpoint,))))
    async with at_work(stack):
        async with asyncio.timeout(DEADLINE_S):
            while len(stack.scheduler.cluster.pods) < pods:  # noqa: ASYNC110 - it knows no event for this
                await asyncio.sleep(0.01)
        stack.expect(1)
        await stack.create(basic_pod(pods))
        await stack.all_bound(DEADLINE_S)
        ready_s = time.clock_gettime(time.CLOCK_BOOTTIME) - _started_s()
        print(json.dumps({"ready_s": ready_s, "rss_mib": peak_mib(os.getpid())}))


def _started_s() -> float:
    """When this process started, in seconds since the machine did."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    asyncio.run(_measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

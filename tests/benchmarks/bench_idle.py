"""What a cluster costs that has nothing to do: CPU and memory of server, etcd and agents of `knarr up`."""

import asyncio
import tempfile
from pathlib import Path

from tests.benchmarks.usage import MIB, usage
from tests.support.bench import Report
from tests.support.cluster import RealCluster

SETTLE_S = 10.0
MEASURE_S = 30.0


async def run(report: Report) -> None:
    """Two nodes, no pods."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        cluster = RealCluster(Path(folder))
        try:
            await cluster.start()
            await asyncio.sleep(SETTLE_S)
            await _measure(cluster, report)
        finally:
            await asyncio.to_thread(cluster.stop)


async def _measure(cluster: RealCluster, report: Report) -> None:
    pids = {"server": cluster.pid("server"), "agent": cluster.pid("alpha"), "etcd": cluster.etcd_pid()}
    before = {name: usage(pid) for name, pid in pids.items()}
    await asyncio.sleep(MEASURE_S)
    percent: dict[str, float] = {}
    mib: dict[str, float] = {}
    for name, pid in pids.items():
        after = usage(pid)
        percent[name] = 100 * (after.cpu_s - before[name].cpu_s) / MEASURE_S
        mib[name] = after.rss_bytes / MIB
        report(f"idle.{name}.rss_mib", mib[name], "MiB", nodes=2)
        report(f"idle.{name}.cpu_percent", percent[name], "% of core", nodes=2, seconds=MEASURE_S)
    report("idle.server_and_agent.rss_mib", mib["server"] + mib["agent"], "MiB", nodes=2)
    report("idle.server_and_agent.cpu_percent", percent["server"] + percent["agent"], "% of core", nodes=2)

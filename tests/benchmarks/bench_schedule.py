"""How fast pods are decided about, and how fast they get from created to bound through the API on real etcd.

`schedule.<workload>.<nodes>n.decide_per_s`: the decision alone, nothing bound. `pods_per_s`, `p50_ms`,
`p99_ms`, `rss_mib`: from the call that creates a pod until its binding is seen, with API, store client and
scheduler in one process. `WORKLOAD=gang,restart make bench BENCH=schedule` runs some. Each runs in a process
of its own, so that none inherits the memory of another.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvloop

from control_plane.collecting import settle
from knarr.logs import configure
from tests.benchmarks.schedule import alone, end_to_end, objects, profile, restart, takeover
from tests.support.bench import Report

NODES, PODS = 5_000, 10_000
Measure = Callable[[Report], Coroutine[Any, Any, None] | None]


def measures() -> dict[str, list[Measure]]:
    """By the name of the workload, what is measured."""

    def burst(workload: str, nodes: int = NODES, pods: int = PODS, called: str = "") -> Measure:
        return partial(end_to_end.burst, workload=workload, nodes=nodes, pods=pods, called=called)

    found: dict[str, list[Measure]] = {
        "alone": [
            partial(alone.run, nodes=1_000),
            partial(alone.run, nodes=NODES),
            partial(alone.preemption, nodes=1_000, running=4_000, preemptors=1_000),
        ],
        **{workload: [burst(workload)] for workload in objects.BURSTS},
        "churn": [partial(end_to_end.churn, nodes=NODES, pods=PODS)],
        "preemption": [partial(end_to_end.preemption, nodes=1_000, running=4_000, preemptors=1_000)],
        "unschedulable": [partial(end_to_end.unschedulable, nodes=NODES, waiting=20_000, pods=PODS)],
        "gang": [partial(end_to_end.gang, nodes=NODES, pods=PODS)],
        "steady100": [partial(end_to_end.steady, nodes=NODES, per_s=100, seconds=10)],
        "steady1000": [partial(end_to_end.steady, nodes=NODES, per_s=1_000, seconds=10)],
        "scaling": [burst("basic", nodes) for nodes in (100, 1_000, 15_000)]
        + [burst("basic", 15_000, pods=150_000, called="basic150k")],
        "profile": [partial(profile.run, nodes=NODES, pods=4 * PODS)],
        "takeover": [partial(takeover.run, nodes=1_000, kills=3)],
        "restart": [partial(restart.run, nodes=NODES, pods=150_000)],
    }
    return found


async def run(report: Report) -> None:
    """All of them, or those that WORKLOAD names."""
    known = measures()
    wanted = os.environ.get("WORKLOAD")
    for name in wanted.split(",") if wanted else known:
        for index in range(len(known[name])):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", __name__, name, str(index), stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            async for line in process.stdout:
                row = json.loads(line)
                report(row["name"], row["value"], row["unit"], **row["params"])
            if await process.wait():
                raise RuntimeError(f"{name} ended with {process.returncode}")


def _one(name: str, index: int) -> None:
    configure(json=False, level="error")

    def report(name: str, value: float, unit: str, **params: object) -> None:
        print(json.dumps({"name": name, "value": value, "unit": unit, "params": params}), flush=True)

    outcome = measures()[name][index](report)
    if outcome is not None:
        settle()  # loop and garbage collection as those of the server
        uvloop.run(outcome)


if __name__ == "__main__":
    _one(sys.argv[1], int(sys.argv[2]))

"""`python -m tests.simulation.run --seeds 200`: many stories; a failing seed is printed and reproduces."""

import argparse
import asyncio
import logging
import os
import random
import sys
import time
import traceback

import structlog

from tests.simulation.cluster import SimCluster
from tests.simulation.loop import VirtualClock, VirtualLoop
from tests.simulation.scenario import Story
from tests.simulation.volumes import VolumeStory

STORIES: dict[str, type[Story]] = {"workloads": Story, "volumes": VolumeStory}
HASH_SEED = "0"  # sets are walked in the same order every time


def play(seed: int, kind: type[Story] = Story) -> tuple[list[str], BaseException | None]:
    """One story: its log and, where an invariant broke, why."""
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    rng = random.Random(seed)
    nodes = tuple(f"node-{number}" for number in range(rng.randint(2, 5)))
    cluster = SimCluster(clock, random.Random(rng.getrandbits(64)), rng.randint(1, 2), nodes)
    story = kind(cluster, random.Random(rng.getrandbits(64)), clock)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            runner.run(story.run())
        except Exception as error:
            return story.log, error
    return story.log, None


def main() -> int:
    """0 when every story ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--seed", type=int, help="play this one, with its log")
    parser.add_argument("--story", choices=sorted(STORIES), default="workloads")
    parser.add_argument("--verbose", action="store_true", help="what the processes log")
    arguments = parser.parse_args()
    level = logging.DEBUG if arguments.verbose else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    seeds = [arguments.seed] if arguments.seed is not None else list(range(arguments.seeds))
    began = time.perf_counter()
    failed: list[int] = []
    for seed in seeds:
        log, error = play(seed, STORIES[arguments.story])
        if error is not None:
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exception(error)
        if arguments.seed is not None:
            print("\n".join(log))
    took_s = time.perf_counter() - began
    print(f"{len(seeds) - len(failed)} passed, {len(failed)} failed")
    print(f"simulation: {len(seeds)} seeds in {took_s:.1f} s; failing: {failed or 'none'}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation.run", *sys.argv[1:]])
    sys.exit(main())

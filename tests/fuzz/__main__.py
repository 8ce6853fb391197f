"""`python -m tests.fuzz [TARGET…] [--inputs N] [--seconds S] [--seed N] [--jobs N]`."""

import argparse
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import structlog

from tests.fuzz.engine import Plan, fresh_seed, fuzz, limit_memory
from tests.fuzz.targets.all import TARGETS

SECONDS = 60.0
GRACE_S = 600.0  # for what a target may take beyond its seconds before it is ended


def main() -> int:
    """0 when nothing failed."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # inputs hold any text
    # What the server logs about each bad request would hide what the targets have to say.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    given = _arguments()
    names = given.targets or list(TARGETS)
    seconds = SECONDS if given.inputs is None and given.seconds is None else given.seconds
    plan = Plan(given.seed, given.inputs, seconds)
    if len(names) == 1:
        limit_memory()
        report = fuzz(TARGETS[names[0]](), plan)
        print(report.line(), flush=True)
        return 1 if report.failures else 0
    # A process each: one that is ended for its memory or its time does not take the others along.
    with ThreadPoolExecutor(given.jobs) as pool:
        codes = list(pool.map(lambda name: _apart(name, plan), names))
    print(f"{sum(code == 0 for code in codes)} targets passed, {sum(code != 0 for code in codes)} failed")
    return max(codes)


def _apart(name: str, plan: Plan) -> int:
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", name, "--seed", str(plan.seed)]
    if plan.inputs is not None:
        command += ["--inputs", str(plan.inputs)]
    if plan.seconds is not None:
        command += ["--seconds", str(plan.seconds)]
    limit = None if plan.seconds is None else plan.seconds + GRACE_S
    try:
        code = subprocess.run(command, check=False, timeout=limit).returncode
    except subprocess.TimeoutExpired:
        print(f"{name}: no end after {limit:g} s, seed {plan.seed}")
        return 1
    if code < 0:
        print(f"{name}: ended by signal {-code}, seed {plan.seed}")
    return abs(code)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="What bad input gets.")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", choices=[*TARGETS, []], help=", ".join(TARGETS)
    )
    parser.add_argument("--inputs", type=int, help="inputs of each target; with a time, whatever comes first")
    parser.add_argument("--seconds", type=float, help=f"time of each target ({SECONDS:g})")
    parser.add_argument("--seed", type=int, default=fresh_seed(), help="a run's choices; new each time")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

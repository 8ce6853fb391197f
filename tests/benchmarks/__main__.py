"""`python -m tests.benchmarks [NAME]`: run the benchmarks, print a table, write build/bench.json."""

import asyncio
import importlib
import inspect
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from knarr.logs import configure
from tests.support.bench import Report

NAMES = ("codec", "store", "api", "client", "schedule", "idle")
TARGET = Path("build/bench.json")


@dataclass(slots=True)
class Results:
    """Figures as they come in."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def report(self, name: str, value: float, unit: str, **params: object) -> None:
        """Take one figure and print it."""
        self.rows.append({"name": name, "value": value, "unit": unit, "params": params})
        shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
        details = ", ".join(f"{key}={param}" for key, param in params.items())
        print(f"  {name:<48} {shown:>14} {unit:<10} {details}", flush=True)

    def save(self) -> None:
        """Write the figures beside those of benchmarks that were not run this time."""
        known = json.loads(TARGET.read_text()) if TARGET.exists() else []
        fresh = {str(row["name"]) for row in self.rows}
        rows = [row for row in known if row["name"] not in fresh] + self.rows
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(json.dumps(rows, indent=1) + "\n")


def run(name: str, report: Report) -> None:
    """Run one benchmark module."""
    function = importlib.import_module(f"tests.benchmarks.bench_{name}").run
    outcome = function(report)
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)


def main() -> int:
    wanted = tuple(sys.argv[1:]) or NAMES
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    configure(json=False, level="error")
    results = Results()
    for name in wanted:
        print(f"{name}:", flush=True)
        run(name, results.report)
        results.save()
    print(f"written to {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

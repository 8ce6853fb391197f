"""Plays the recordings against Knarr: `python -m tests.conformance [--dir DIR] [--store memory|etcd]`.

Prints every disagreement and, per file, agreeing / all; writes build/conformance.json. Ends with 1 when a
file is below its aim by more than differs on purpose.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.conformance.recording import HERE
from tests.conformance.report import table, write_json
from tests.conformance.runs import AIMS, FILES, STORES, broken, run

RESULT = HERE.parent.parent / "build" / "conformance.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--dir", type=Path, default=HERE, help="folder with files of the same names")
    parser.add_argument("--store", choices=sorted(STORES), default="memory")
    parser.add_argument("--file", help="only the files whose names contain this")
    given = parser.parse_args()
    scores = asyncio.run(run(given.dir, given.store, given.file or ""))
    if not scores:
        parser.error(f"{given.dir} has none of the files {', '.join(FILES)}")
    for score in scores:
        for line in score.lines:
            print(line)
    for line in table(scores, AIMS):
        print(line)
    write_json(RESULT, scores)
    return 1 if any(map(broken, scores)) else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.real_yaml DIR`: tables of what becomes of the manifests below DIR, by collection."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.real_yaml.outcomes import Manifest, Told, files, read, told
from tests.real_yaml.tables import tables
from tests.support.api import api_world


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.real_yaml", description=__doc__)
    parser.add_argument("folder", type=Path, help="has a folder for each collection")
    folder: Path = parser.parse_args().folder
    collections = [
        [read(folder, path) for path in files(inner)] for inner in sorted(folder.iterdir()) if inner.is_dir()
    ]
    print("\n".join(tables(asyncio.run(outcomes(collections)))))


async def outcomes(collections: Sequence[Sequence[Manifest]]) -> list[Told]:
    """Every document. Each collection has a server of its own."""
    found: list[Told] = []
    for collection in collections:
        async with api_world() as world:
            found += [each async for each in told(world, collection)]
    return found


if __name__ == "__main__":
    main()

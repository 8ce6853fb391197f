"""Manifest files named on the command line: a file, a folder, or standard input."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from knarr.api.errors import ManifestError
from knarr.api.manifest import Document, read_bytes, read_file
from knarr.cli.failure import FAILED, USAGE, Failure

SUFFIXES = (".yaml", ".yml", ".json")
MAX_STDIN_BYTES = 64 * 1024 * 1024


def documents(names: Sequence[str], *, recursive: bool) -> list[Document]:
    """All documents of the files, in order; raises Failure for one that cannot be read."""
    found: list[Document] = []
    for name in names:
        try:
            if name == "-":
                found.extend(read_bytes(sys.stdin.buffer.read(MAX_STDIN_BYTES), "stdin"))
            else:
                for path in _paths(name, recursive):
                    found.extend(read_file(path))
        except ManifestError as error:
            raise Failure(f"{error}\nnothing was done", FAILED) from error
        except OSError as error:
            raise Failure(f"{error.filename or name}: {error.strerror}", FAILED) from error
    return found


def _paths(name: str, recursive: bool) -> Iterator[Path]:
    path = Path(name)
    if not path.is_dir():
        yield path
        return
    pattern = "**/*" if recursive else "*"
    files = sorted(file for file in path.glob(pattern) if file.suffix in SUFFIXES and file.is_file())
    if not files:
        raise Failure(f"{name}: no .yaml, .yml or .json file in this folder", USAGE)
    yield from files

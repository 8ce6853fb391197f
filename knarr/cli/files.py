"""Manifest files named on the command line: a file, a folder, an address, or standard input."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from knarr.api.errors import ManifestError
from knarr.api.manifest import MAX_FILE_BYTES, Document, read_bytes, read_file
from knarr.cli.failure import FAILED, USAGE, Failure

SUFFIXES = (".yaml", ".yml", ".json")
SCHEMES = ("http://", "https://")
FETCH_TIMEOUT_S = 30.0


def documents(names: Sequence[str], *, recursive: bool) -> list[Document]:
    """All documents of the files, in order; raises Failure for one that cannot be read."""
    found: list[Document] = []
    for name in names:
        try:
            if name == "-":
                found.extend(read_bytes(_bounded(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), name), "stdin"))
            elif name.startswith(SCHEMES):
                found.extend(read_bytes(_fetched(name), name))
            else:
                for path in _paths(name, recursive):
                    found.extend(read_file(path))
        except ManifestError as error:
            raise Failure(f"{error}\nnothing was done", FAILED) from error
        except OSError as error:
            raise Failure(f"{error.filename or name}: {error.strerror or error}", FAILED) from error
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


def _fetched(address: str) -> bytes:
    """What stands at an address; raises Failure."""
    try:
        with urllib.request.urlopen(address, timeout=FETCH_TIMEOUT_S) as answer:
            return _bounded(answer.read(MAX_FILE_BYTES + 1), address)
    except urllib.error.HTTPError as error:
        with error:
            raise Failure(f"{address}: {error.code} {error.reason}", FAILED) from error
    except urllib.error.URLError as error:
        raise Failure(f"{address}: {error.reason}", FAILED) from error


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise Failure(f"{name}: more than {MAX_FILE_BYTES // 2**20} MiB", FAILED)
    return data

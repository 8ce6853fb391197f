"""Inputs that failed once, kept: small files, one an input, played again by every run and by a unit test."""

import gzip
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
MOST_BYTES = 64 * 1024  # of a file
_PACKED_FROM = 2 * 1024


def names(target: str, folder: Path = FOLDER) -> list[Path]:
    """The files of a target."""
    return sorted(file for file in (folder / target).glob("*") if file.is_file())


def read(file: Path) -> bytes:
    """The input in a file."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def keep(target: str, data: bytes, folder: Path = FOLDER) -> Path | None:
    """Write an input to the corpus; None when it is too large for that."""
    name = hashlib.sha256(data).hexdigest()[:12]
    packed = len(data) > _PACKED_FROM
    content = gzip.compress(data, mtime=0) if packed else data
    if len(content) > MOST_BYTES:
        return None
    file = folder / target / (f"{name}.gz" if packed else name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file

"""The last assignment on disk, so that a node that restarts without a control plane runs what it ran.

The file is replaced atomically and carries a checksum; a damaged one counts as none, since the control
plane sends everything again.
"""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path
from typing import Protocol

import structlog
from google.protobuf.message import DecodeError

from knarr.proto.services import node_service_pb2 as wire

log = structlog.get_logger()

_MAGIC = b"knarr-assignment-1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size


class AssignmentStore(Protocol):
    """Where the last assignment is kept."""

    async def load(self) -> wire.Assignment | None:
        """What was saved last; None when there is nothing that can be trusted."""
        ...

    async def save(self, assignment: wire.Assignment) -> None:
        """Keep it, on stable storage when this returns. Raises OSError."""
        ...


class MemoryAssignmentStore:
    """For tests and simulation; survives its agent when it is handed to the next."""

    def __init__(self) -> None:
        self._saved: bytes | None = None

    async def load(self) -> wire.Assignment | None:
        return None if self._saved is None else wire.Assignment.FromString(self._saved)

    async def save(self, assignment: wire.Assignment) -> None:
        self._saved = assignment.SerializeToString()


class FileAssignmentStore:
    """One file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> wire.Assignment | None:
        return await asyncio.to_thread(self._read)

    async def save(self, assignment: wire.Assignment) -> None:
        body = assignment.SerializeToString()
        await asyncio.to_thread(write_atomically, self._path, _MAGIC + hashlib.sha256(body).digest() + body)

    def _read(self) -> wire.Assignment | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        start = len(_MAGIC) + _DIGEST_BYTES
        digest, body = content[len(_MAGIC) : start], content[start:]
        if content.startswith(_MAGIC) and hashlib.sha256(body).digest() == digest:
            with contextlib.suppress(DecodeError):
                return wire.Assignment.FromString(body)
        log.warning("assignment_file_damaged", path=str(self._path))
        return None


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file so that a crash leaves the old or the new content, never a part. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

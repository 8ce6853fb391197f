"""A recording on disk: gzip'd text, one JSON value a line, so that anybody can look into it (`zcat`) before
it is handed on.

Line 1 is the header:

    {"format": "knarr-recording", "version": 1, "knarr": "0.1.0", "recordedAt": "2026-11-21T08:00:00Z",
     "anonymised": false, "schedulerConfiguration": {…} or null}

Every other line is an object as in a manifest, with the fields that scheduling depends on (reduced.py), the
kinds in the order of RECORDED, the objects of a kind in the order in which they were listed. Within version 1
fields may be added; a reader passes over header fields that it does not know, and refuses other versions.
"""

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message

from knarr.api.codec import object_from_dict
from knarr.api.errors import DecodeError

FORMAT: Final = "knarr-recording"
VERSION: Final = 1


class RecordingError(ValueError):
    """The file is no recording that can be read."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands over a recording."""

    recorded_at: str  # RFC 3339, UTC
    anonymised: bool = False
    knarr: str = ""
    configuration: dict[str, Any] | None = None  # a KubeSchedulerConfiguration; None: the default


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory; the objects in the order of the file."""

    header: Header
    objects: tuple[Message, ...]


def write_recording(path: Path, header: Header, objects: Iterable[dict[str, Any]]) -> int:
    """Write a recording, its file only there when it is whole; returns its size in bytes. Raises OSError."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with gzip.open(beside, "wt", encoding="utf-8", compresslevel=6) as file:
            file.write(_line(_header_value(header)))
            for value in objects:
                file.write(_line(value))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path.stat().st_size


def read_recording(path: Path) -> Recording:
    """Raises RecordingError, and OSError when there is no such file."""
    header: Header | None = None
    objects: list[Message] = []
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                number += 1
                value = json.loads(line)
                if header is None:
                    header = _header(value)
                else:
                    objects.append(object_from_dict(value).strict())
    except (gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: not a recording, or cut off: {error}") from error
    except (json.JSONDecodeError, DecodeError) as error:
        raise RecordingError(f"{path}: line {number}: {error}") from error
    if header is None:
        raise RecordingError(f"{path}: empty")
    return Recording(header, tuple(objects))


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _header_value(header: Header) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "knarr": header.knarr,
        "recordedAt": header.recorded_at,
        "anonymised": header.anonymised,
        "schedulerConfiguration": header.configuration,
    }


def _header(value: Any) -> Header:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise RecordingError(f"not a recording: the first line is no header of {FORMAT}")
    if value.get("version") != VERSION:
        raise RecordingError(f"version {value.get('version')} of the format is not known, only {VERSION}")
    return Header(
        recorded_at=str(value.get("recordedAt", "")),
        anonymised=bool(value.get("anonymised")),
        knarr=str(value.get("knarr", "")),
        configuration=value.get("schedulerConfiguration"),
    )

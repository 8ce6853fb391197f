"""What a kind's table consists of, and cells that several kinds share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from knarr.proto.kubernetes import meta_v1_pb2 as meta

NONE = "<none>"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a kind: the first is the name unless `replaces_name`; (name, priority, format) of the
    rest, and what makes their cells."""

    first: str
    rest: Sequence[tuple[str, int, str]]
    cells: Callable[[Any], list[str]]
    replaces_name: bool = False
    first_format: str = ""


def timestamp(time: meta.Time | meta.MicroTime) -> str:
    """RFC 3339, for clients to print as an age; empty when there is none."""
    if not time.seconds:
        return ""
    return datetime.fromtimestamp(time.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(own: meta.ObjectMeta) -> str:
    """The cell of the Age column."""
    return timestamp(own.creationTimestamp)


def pairs(values: Mapping[str, str]) -> str:
    """ "a=b,c=d", or <none>."""
    return ",".join(f"{key}={value}" for key, value in sorted(values.items())) or NONE

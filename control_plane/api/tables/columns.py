"""What a kind's table consists of, and cells that several kinds share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from knarr.api.selectors import from_message
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NONE = "<none>"
WIDE = 1  # priority of columns that only -o wide shows
UNSET = "<unset>"
UNKNOWN = "<unknown>"
AGE = "age"  # format of timestamps that clients print as ages
AGES = "ages"  # format of texts in which clients print each timestamp as its age
INTEGER = "integer"


class Column(NamedTuple):
    """One column."""

    name: str
    priority: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a kind, the first of which is the name unless `named` is False, and what makes the cells
    of the others (of all, then)."""

    columns: Sequence[Column]
    cells: Callable[[Any], list[str]]
    named: bool = True


def timestamp(time: meta.Time | meta.MicroTime) -> str:
    """RFC 3339, for clients to print as an age; empty when there is none."""
    if not time.seconds:
        return ""
    return datetime.fromtimestamp(time.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(own: meta.ObjectMeta) -> str:
    """The cell of the Age column."""
    return timestamp(own.creationTimestamp)


def selector(wanted: meta.LabelSelector) -> str:
    """ "a=b,c in (d,e)", or <none>."""
    return str(from_message(wanted)) or NONE


def amount(amounts: Mapping[str, meta.Quantity], name: str) -> str:
    """A quantity out of several; "0" where there is none of that name."""
    return amounts[name].string if name in amounts else "0"


def few(found: Sequence[str], most: int, separator: str = ",") -> str:
    """The first of many: "a,b,c + 2 more..."."""
    shown = separator.join(found[:most])
    return f"{shown} + {len(found) - most} more..." if len(found) > most else shown


def pairs(values: Mapping[str, str]) -> str:
    """ "a=b,c=d", or <none>."""
    return ",".join(f"{key}={value}" for key, value in sorted(values.items())) or NONE


def images(spec: core.PodSpec) -> list[str]:
    """The cells of the wide columns Containers and Images."""
    return [
        ",".join(container.name for container in spec.containers) or NONE,
        ",".join(container.image for container in spec.containers) or NONE,
    ]


NAME = Column("Name")
AGED = Column("Age", 0, AGE)
TEMPLATE = (Column("Containers", WIDE), Column("Images", WIDE))
GENERAL = Columns((NAME, AGED), lambda obj: [age(obj.metadata)])
# Of the kinds that Kubernetes has no table for.
CREATED = Columns((NAME, Column("Created At")), lambda obj: [age(obj.metadata)])

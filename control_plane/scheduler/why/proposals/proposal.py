"""What a proposal is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.why.changes import Change, Trial


class Effort(IntEnum):
    """How much a change asks of people; the least is named first."""

    UNDO = 1  # take back what somebody did to a node
    PLACE = 2  # let the pod go to other nodes
    SHRINK = 3  # ask for less
    RELAX = 4  # give up a wish
    DISPLACE = 5  # at the cost of other pods
    BUY = 6  # more nodes


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change, in words that follow "it would run if you …", and the command that makes it ("": the
    manifest is to be changed)."""

    effort: Effort
    text: str
    change: Change
    command: str = ""


Proposer: TypeAlias = Callable[[Trial, Unschedulable], Iterable[Proposal]]

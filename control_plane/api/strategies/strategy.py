"""The steps of a write at which a kind may have something of its own to do. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OnCreate = Callable[[Any], None]
OnChange = Callable[[Any, Any], None]  # (new, old); alters new


def nothing(*_: Any) -> None:
    """What most kinds do at most steps."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """What is done to objects of one kind, in place. Who owns a field is settled before; rules come after all
    but the last step."""

    # To a new object, whose name and uid are known: before defaults and admission.
    create: OnCreate = nothing
    # To a new object that has its defaults and has been admitted.
    finish_create: OnCreate = nothing
    # To a changed object, whose status is the old one's again: before defaults and admission.
    update: OnChange = nothing
    # To a changed object that has its defaults and has been admitted.
    finish_update: OnChange = nothing
    # To an object of which only status has changed.
    status: OnChange = nothing
    # To an object that was found valid, new or changed.
    canonicalize: OnCreate = nothing

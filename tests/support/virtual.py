"""Runs a test's coroutine on virtual time: waiting costs nothing, and a wait without end is an error."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.simulation.loop import VirtualLoop, run

T = TypeVar("T")


def on_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`."""
    return run(work, VirtualLoop())

"""Cancellation that a TaskGroup of Python 3.11 and 3.12 forgets.

When a task is cancelled while a child of its TaskGroup fails, those raise the child's error alone, and the
task's own count of cancellations is no help (python/cpython#116720, mended in 3.13). A loop that handles such
errors and goes on would never end. So the TaskGroup gets a task of its own.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def contained(work: Coroutine[Any, Any, T], name: str) -> T:
    """The result or the error of the work, done in a task of its own. When the caller is cancelled the work
    is too, and waited for; then the caller's cancellation is raised whatever the work raises."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen, and outranked
        raise
    return task.result()

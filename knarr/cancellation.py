"""Cancellation that a TaskGroup of Python 3.11 and 3.12 forgets.

When a task is cancelled while a child of its TaskGroup fails, those raise the child's error alone
(python/cpython#116720, mended in 3.13). Who catches that error must ask whether to end all the same.
"""

import asyncio


def check_cancelled() -> None:
    """Raise CancelledError when this task was told to end. To be called after `except*` around a TaskGroup
    whose errors do not end the task."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

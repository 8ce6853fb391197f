"""Doing something only while this replica leads."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from control_plane.store.election import Election
from knarr.cancellation import check_cancelled

log = structlog.get_logger()

Work = Sequence[tuple[str, Coroutine[Any, Any, None]]]


class _LostError(Exception):
    """Somebody else leads, or may."""


async def lead(name: str, election: Election, begin: Callable[[], Work]) -> None:
    """For ever: campaign, do what `begin` returns while leading, stop it when leadership is lost."""
    while True:
        leadership = await election.campaign()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_until_lost(leadership.lost()), name=f"{name}-leadership")
                for task_name, work in begin():
                    tasks.create_task(work, name=task_name)
        except* _LostError:
            log.info("stopped leading", part=name)
        finally:
            await leadership.resign()
        check_cancelled()


async def _until_lost(lost: Coroutine[Any, Any, None]) -> None:
    await lost
    raise _LostError

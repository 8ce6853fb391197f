"""Doing something only while this replica leads."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from control_plane.store.election import Election, Leadership
from knarr.cancellation import contained

log = structlog.get_logger()

Work = Sequence[tuple[str, Coroutine[Any, Any, None]]]


class _LostError(Exception):
    """Somebody else leads, or may."""


async def lead(name: str, election: Election, begin: Callable[[], Work]) -> None:
    """For ever: campaign, do what `begin` returns while leading, stop it when leadership is lost."""
    while True:
        leadership = await election.campaign()
        try:
            await contained(_while_held(name, leadership, begin()), f"{name}-leader")
        except* _LostError:
            log.info("stopped leading", part=name)
        finally:
            await leadership.resign()


async def _while_held(name: str, leadership: Leadership, parts: Work) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_until_lost(leadership), name=f"{name}-leadership")
        for task_name, work in parts:
            tasks.create_task(work, name=task_name)


async def _until_lost(leadership: Leadership) -> None:
    await leadership.lost()
    raise _LostError

"""Waits for a condition, with a deadline."""

import asyncio
from collections.abc import Callable

TIMEOUT_S = 30.0
POLL_S = 0.005


async def until(check: Callable[[], bool], what: str = "the condition", timeout_s: float = TIMEOUT_S) -> None:
    """Return once `check` holds; fails after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                if check():
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise AssertionError(f"not within {timeout_s:g} s: {what}") from error

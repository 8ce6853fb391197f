"""A smaller input with the same failure: parts are left out as long as it still fails in the same way."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fuzz.mutation.values import copied, to_text
from tests.fuzz.target import Try
from tests.fuzz.trying import SLOW, attempt

TRIES = 400
_SLOW_TRIES = 12  # where each takes long
_SMALLEST_PIECE = 1


async def shrunk(run: Try, data: bytes, failure: str) -> bytes:
    """The smallest input that was found in so many tries."""
    best, tries = data, 0
    again = True
    while again:
        again = False
        for smaller in _smaller(best):
            if tries >= (_SLOW_TRIES if failure.startswith(SLOW) or "Endless" in failure else TRIES):
                return best
            tries += 1
            if (await attempt(run, smaller)).kind == failure:
                best, again = smaller, True
                break
    return best


def _smaller(data: bytes) -> Iterator[bytes]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        yield from _without_pieces(data)
        return
    if to_text(value) == data:
        yield from map(to_text, _without_parts(value))
    else:
        yield from _without_pieces(data)


def _without_parts(value: Any) -> Iterator[Any]:
    """The JSON value with one key or item left out, outer ones first."""
    pending: list[tuple[Any, ...]] = [()]
    while pending:
        path = pending.pop(0)
        inner = _at(value, path)
        keys = (
            list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
        )
        for key in keys:
            less = copied(value)
            del _at(less, path)[key]
            yield less
            pending.append((*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _without_pieces(data: bytes) -> Iterator[bytes]:
    size = len(data) // 2
    while size >= _SMALLEST_PIECE:
        for at in range(0, len(data), size):
            yield data[:at] + data[at + size :]
        size //= 2

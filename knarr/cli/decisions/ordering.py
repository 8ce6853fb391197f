"""The order that --sort-by asks for. Pure."""

import re
from collections.abc import Sequence
from typing import Any, Final

from knarr.api.errors import QuantityError
from knarr.api.quantity import NANOS, parse
from knarr.cli.jsonpath import find
from knarr.cli.jsonpath.templates import show

_NUMBER: Final = re.compile(r"(\d+)")

Key = tuple[int, float, tuple[tuple[str, int], ...]]  # group, number, text


def order_of(values: Sequence[Any], path: str) -> list[int]:
    """The indexes of the values in the order of what stands at `path` in each; raises JsonPathError.

    Numbers and quantities come before texts, and both before values that have nothing there. Numbers within
    texts count as numbers, as in kubectl: web-2 before web-10.
    """
    expression = path.strip().removeprefix("{").removesuffix("}")
    find(expression, {})  # that it can be read, if there are no values too
    keys = [_key(find(expression, value)) for value in values]
    return sorted(range(len(values)), key=keys.__getitem__)


def _key(found: Sequence[Any]) -> Key:
    if not found:
        return 2, 0, ()
    value = found[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, value * NANOS, ()
    text = show(value)
    try:
        return 0, parse(text).nanos, ()
    except QuantityError:
        pieces = _NUMBER.split(text)
        return 1, 0, tuple(zip(pieces[::2], [*map(int, pieces[1::2]), -1], strict=True))

"""JSON text to values, as strict as Kubernetes: UTF-8, no NaN, fields given twice are found."""

import json
from collections.abc import Iterator
from typing import Any

from knarr.api.errors import DecodeError, Problem


class _Twice(dict[str, Any]):
    """An object that gave fields more than once; the last one counts."""

    names: tuple[str, ...] = ()


def parse_json(data: bytes) -> tuple[Any, tuple[Problem, ...]]:
    """(value, fields that were given twice). Raises DecodeError for text that is no JSON."""
    twice = False

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        entries = dict(pairs)
        if len(entries) == len(pairs):
            return entries
        twice = True
        marked = _Twice(entries)
        names = [name for name, _ in pairs]
        marked.names = tuple(sorted({name for name in names if names.count(name) > 1}))
        return marked

    try:
        value = json.loads(data.decode(), object_pairs_hook=build, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _unreadable(f"is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        reason = f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise _unreadable(reason) from error
    except RecursionError as error:
        raise _unreadable("is nested too deeply") from error
    except ValueError as error:
        raise _unreadable(f"is not JSON: {error}") from error
    return value, tuple(_repeated(value, "")) if twice else ()


def _unreadable(reason: str) -> DecodeError:
    return DecodeError([Problem("", None, f"the document {reason}")])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _repeated(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name in value.names if isinstance(value, _Twice) else ():
            here = f"{path}.{name}" if path else name
            yield Problem(here, value[name], "the field is given twice", "keep one", unknown=True)
        for key, item in value.items():
            yield from _repeated(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated(item, f"{path}[{index}]")

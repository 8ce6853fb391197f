"""Paths of kubectl's JSONPath: `.items[*].metadata.name`, filters, slices, recursive descent."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Step = Callable[[Any, Any], Iterator[Any]]  # (value, root) -> values


class JsonPathError(ValueError):
    """The template cannot be understood; the text says where."""


_TOKEN = re.compile(
    r"""
    (?P<recursive>\.\.)
  | \.?\[(?P<bracket>(?:
        "(?:[^"\\]|\\.)*"
      | '(?:[^'\\]|\\.)*'
      | \((?:[^()"']|"[^"]*"|'[^']*'|\([^()]*\))*\)
      | [^\]]
    )*)\]
  | \.(?P<name>(?:\\.|[^.\[\]{}\s\\])+)
  | (?P<bare>[^.\[\]{}\s\\@$](?:\\.|[^.\[\]{}\s\\])*)
    """,
    re.VERBOSE,
)
_COMPARISON = re.compile(r"^(?P<left>.+?)\s*(?P<op>==|!=|<=|>=|<|>)\s*(?P<right>.+)$", re.DOTALL)


def find(path: str, value: Any) -> list[Any]:
    """The values that one path (`.spec.replicas`) names."""
    values = [value]
    for step in _compile(path):
        values = [found for current in values for found in step(current, value)]
    return values


def _compile(path: str) -> list[Step]:
    rest = path.strip().removeprefix("$").removeprefix("@")
    steps: list[Step] = []
    position = 0
    recursive = False
    while position < len(rest):
        if rest[position:] == ".":
            break
        match = _TOKEN.match(rest, position)
        if match is None:
            raise JsonPathError(f'cannot read "{rest[position:]}" in "{path}"')
        position = match.end()
        if match["recursive"] is not None:
            recursive = True
            if position < len(rest) and rest[position] not in ".[":
                rest = rest[:position] + "." + rest[position:]
            continue
        if match["bracket"] is not None:
            step = _bracket(match["bracket"].strip())
        else:
            name = re.sub(r"\\(.)", r"\1", match["name"] or match["bare"])
            step = _every if name == "*" else _field(name)
        steps.append(_descend(step) if recursive else step)
        recursive = False
    return steps


def _bracket(text: str) -> Step:
    if text == "*":
        return _every
    if text.startswith("?(") and text.endswith(")"):
        return _filter(text[2:-1].strip())
    if text[:1] in "\"'" and "," not in text:
        return _field(unquote(text))
    if re.fullmatch(r"-?\d*:-?\d*(:-?\d+)?", text):
        bounds = [int(part) if part else None for part in text.split(":")]
        return _slice(slice(*bounds))
    steps = [_choice(part.strip(), text) for part in text.split(",")]
    return lambda value, root: (found for step in steps for found in step(value, root))


def _choice(part: str, text: str) -> Step:
    if part[:1] in "\"'" and part:
        return _field(unquote(part))
    if re.fullmatch(r"-?\d+", part):
        return _index(int(part))
    if re.fullmatch(r"[\w./-]+", part):
        return _field(part)
    raise JsonPathError(f'cannot read "[{text}]"')


def _field(name: str) -> Step:
    def step(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(number: int) -> Step:
    def step(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= number < len(value):
            yield value[number]

    return step


def _slice(part: slice) -> Step:
    def step(value: Any, root: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[part]

    return step


def _every(value: Any, root: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(step: Step) -> Step:
    def walk(value: Any, root: Any) -> Iterator[Any]:
        yield from step(value, root)
        for inner in _every(value, root):
            yield from walk(inner, root)

    return walk


def _filter(condition: str) -> Step:
    test = _condition(condition)

    def step(value: Any, root: Any) -> Iterator[Any]:
        items = value if isinstance(value, list) else []
        return (item for item in items if test(item))

    return step


def _condition(text: str) -> Callable[[Any], bool]:
    for word, combine in (("||", any), ("&&", all)):
        if word in text:
            tests = [_condition(part.strip()) for part in text.split(word)]
            return lambda item: combine(test(item) for test in tests)
    match = _COMPARISON.match(text)
    if match is None:
        if re.search("[=!<>]", text):
            raise JsonPathError(f'cannot read the filter "{text}"')
        return lambda item: bool(find(text, item))
    left, right = _operand(match["left"]), _operand(match["right"])
    compare = _COMPARE[match["op"]]

    def test(item: Any) -> bool:
        lefts, rights = left(item), right(item)
        return bool(lefts) and bool(rights) and compare(lefts[0], rights[0])

    return test


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        try:
            return test(left, right)
        except TypeError:
            return False

    return compare


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
}


def _operand(text: str) -> Callable[[Any], list[Any]]:
    text = text.strip()
    if text.startswith(("@", "$", ".")):
        return lambda item: find(text, item)
    if text[:1] in "\"'":
        literal: Any = unquote(text)
    else:
        try:
            literal = json.loads(text)
        except ValueError as error:
            raise JsonPathError(f'cannot read "{text}" in a filter') from error
    return lambda item: [literal]


def unquote(text: str) -> str:
    inner = text[1:-1]
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), inner)

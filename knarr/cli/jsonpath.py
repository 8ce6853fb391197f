"""kubectl's JSONPath templates: `{.items[*].metadata.name}`, filters, ranges, slices, recursive descent.

Kubernetes' own dialect (kubernetes.io/docs/reference/kubectl/jsonpath), which no JSONPath library speaks:
text outside braces is printed as it is, `{range …}…{end}` repeats, results are joined by a space.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MAX_TEMPLATE = 10_000
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


def render(template: str, value: Any) -> str:
    """The text that a template makes of a JSON value; raises JsonPathError."""
    if len(template) > MAX_TEMPLATE:
        raise JsonPathError(f"the template is longer than {MAX_TEMPLATE} characters")
    if "{" not in template:
        template = "{" + (template if template.startswith((".", "[", "$", "@")) else "." + template) + "}"
    parts = _split(template)
    text, end = _render(parts, 0, value, value, nested=False)
    if end != len(parts):
        raise JsonPathError("{end} without {range}")
    return text


def find(path: str, value: Any) -> list[Any]:
    """The values that one path (`.spec.replicas`) names."""
    values = [value]
    for step in _compile(path):
        values = [found for current in values for found in step(current, value)]
    return values


def _split(template: str) -> list[tuple[bool, str]]:
    """(is an expression, text) parts of a template."""
    parts: list[tuple[bool, str]] = []
    position = 0
    while position < len(template):
        start = template.find("{", position)
        if start < 0:
            parts.append((False, template[position:]))
            break
        if start > position:
            parts.append((False, template[position:start]))
        end = _closing(template, start)
        parts.append((True, template[start + 1 : end].strip()))
        position = end + 1
    return parts


def _closing(template: str, start: int) -> int:
    quote = ""
    for index in range(start + 1, len(template)):
        character = template[index]
        if quote:
            if character == quote and template[index - 1] != "\\":
                quote = ""
        elif character in "\"'":
            quote = character
        elif character == "}":
            return index
    raise JsonPathError(f"unclosed brace at character {start + 1}")


def _render(
    parts: Sequence[tuple[bool, str]], index: int, value: Any, root: Any, *, nested: bool
) -> tuple[str, int]:
    out: list[str] = []
    while index < len(parts):
        is_expression, text = parts[index]
        if not is_expression:
            out.append(text)
        elif text == "end":
            if not nested:
                raise JsonPathError("{end} without {range}")
            return "".join(out), index + 1
        elif text.startswith("range"):
            repeated, index = _range(parts, index, text[5:].strip(), value)
            out.append(repeated)
            continue
        else:
            out.append(_expression(text, value))
        index += 1
    if nested:
        raise JsonPathError("{range} without {end}")
    return "".join(out), index


def _range(parts: Sequence[tuple[bool, str]], index: int, path: str, value: Any) -> tuple[str, int]:
    out: list[str] = []
    items = find(path, value)
    for item in items:
        text, end = _render(parts, index + 1, item, item, nested=True)
        out.append(text)
    if not items:
        _, end = _render(
            [(kind, text if not kind else _skipped(text)) for kind, text in parts],
            index + 1,
            None,
            None,
            nested=True,
        )
    return "".join(out), end


def _skipped(text: str) -> str:
    """An expression that finds nothing, for walking past the body of an empty range."""
    return text if text == "end" or text.startswith("range") else ".nothing"


def _expression(text: str, value: Any) -> str:
    if len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]:
        return _unquote(text)
    paths = _paths(text)
    return " ".join(_show(found) for path in paths for found in find(path, value))


def _paths(text: str) -> list[str]:
    """Paths separated by spaces outside of brackets."""
    found: list[str] = []
    depth, current = 0, ""
    for character in text:
        if character in "[(":
            depth += 1
        elif character in "])":
            depth -= 1
        if character.isspace() and depth == 0:
            if current:
                found.append(current)
            current = ""
        else:
            current += character
    return [*found, current] if current else found


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
        return _field(_unquote(text))
    if re.fullmatch(r"-?\d*:-?\d*(:-?\d+)?", text):
        bounds = [int(part) if part else None for part in text.split(":")]
        return _slice(slice(*bounds))
    steps = [_choice(part.strip(), text) for part in text.split(",")]
    return lambda value, root: (found for step in steps for found in step(value, root))


def _choice(part: str, text: str) -> Step:
    if part[:1] in "\"'" and part:
        return _field(_unquote(part))
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
        literal: Any = _unquote(text)
    else:
        try:
            literal = json.loads(text)
        except ValueError as error:
            raise JsonPathError(f'cannot read "{text}" in a filter') from error
    return lambda item: [literal]


def _unquote(text: str) -> str:
    inner = text[1:-1]
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), inner)


def _show(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)

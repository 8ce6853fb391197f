"""Templates around paths: text, `{…}`, `{range …}…{end}`; what they find as text."""

import json
from collections.abc import Sequence
from typing import Any

from knarr.cli.jsonpath.paths import JsonPathError, find, unquote

MAX_TEMPLATE = 10_000


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
        return unquote(text)
    paths = _paths(text)
    return " ".join(show(found) for path in paths for found in find(path, value))


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


def show(value: Any) -> str:
    """A value that was found, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)

"""Documents of files as items to apply, all of them read and understood before anything is done."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from knarr.api import kinds
from knarr.api.errors import DecodeError
from knarr.api.manifest import Document
from knarr.api.selectors import Selector
from knarr.cli.choosing import namespace_of
from knarr.cli.failure import FAILED, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.resources import Target
from knarr.client import metadata_of

# Others need these to exist; the rest keeps the order of the files.
FIRST = ("Namespace", "PriorityClass", "ServiceAccount")
NOTHING_DONE = "nothing was applied"


@dataclass(frozen=True, slots=True)
class Item:
    """One document, read and understood."""

    target: Target
    namespace: str
    document: Document
    value: dict[str, Any]  # what is applied: the document's, less fields that there are not
    labels: dict[str, str]
    unknown: tuple[str, ...] = ()  # what was left out, told in the words of the codec

    def body(self) -> bytes:
        return json.dumps(self.value).encode()

    @property
    def source(self) -> str:
        return f"{self.document.file}:{self.document.line}"


def read(found: Sequence[Document], invocation: Invocation, *, strict: bool = True) -> list[Item]:
    """The documents as items, in the order in which they are applied; raises Failure with every problem of
    every document, so that nothing is begun that cannot be finished. Unless `strict`, fields that there are
    not are left to the server."""
    items: list[Item] = []
    problems: list[str] = []
    for document in found:
        try:
            items.append(_item(document, invocation, strict))
        except DecodeError as error:
            problems.extend(document.describe(problem) for problem in error.problems)
        except Failure as error:
            problems.append(error.message)
    if problems:
        raise Failure("\n".join([*problems, NOTHING_DONE]), FAILED)
    if not items:
        raise Failure("no objects in the files", FAILED)
    return sorted(items, key=_rank)


def _rank(item: Item) -> int:
    name = item.target.kind.name
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _item(document: Document, invocation: Invocation, strict: bool) -> Item:
    decoded = document.decode()
    message = decoded.strict() if strict else decoded.message
    metadata, kind = metadata_of(message), kinds.of(message)
    if not metadata.name:
        where = f"{document.file}:{document.line}"
        raise Failure(f"{where}: metadata.name: Required value: apply names the object that it changes")
    namespace = namespace_of(document, kind, invocation)
    unknown = {problem.path: str(problem) for problem in decoded.unknown}
    value = _without(document.value, unknown)
    target = Target(kind, metadata.name)
    return Item(target, namespace, document, value, dict(metadata.labels), tuple(unknown.values()))


def _without(value: Any, paths: Collection[str], path: str = "") -> Any:
    """The value less what stands at these paths, which are written as the codec writes them."""
    if not paths:
        return value
    if isinstance(value, list):
        return [_without(item, paths, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    inner = {key: f"{path}.{key}" if path else str(key) for key in value}
    return {key: _without(value[key], paths, inner[key]) for key in value if inner[key] not in paths}


def selected(items: Sequence[Item], selector: Selector, *, whole: bool) -> list[Item]:
    """The items with these labels; raises Failure when there is none or, where they are to be the `whole`
    set of such objects, when one is not among them."""
    matching = [item for item in items if selector.matches(item.labels)]
    if whole and len(matching) < len(items):
        other = next(item for item in items if not selector.matches(item.labels))
        raise Failure(
            f'{other.source}: {other.target} has not the labels "{selector}": with --prune the selector must '
            f"match all objects of the files\n{NOTHING_DONE}"
        )
    if not matching:
        raise Failure(f'no object in the files has the labels "{selector}"')
    return matching

"""Outcomes as the tables of docs/real-yaml.md. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.real_yaml.outcomes import OUTCOMES, REFUSED, WARNED, Told

_INDEX = re.compile(r"\[[^\]]*\]")
_LINE = re.compile(r"\bline \d+:? ?|on line \d+ ")
_DEPTH = 2  # of the folders that rows are for, below the collection


def folder_of(told: Told) -> str:
    """The collection and the first folders below it."""
    return "/".join(told.file.parts[: min(_DEPTH, len(told.file.parts) - 1)])


def tables(found: Sequence[Told]) -> Iterator[str]:
    """The lines of the tables."""
    yield from _by_folder(found)
    for title, outcome in (("Refused, and why", REFUSED), ("Warnings", WARNED)):
        yield from ("", f"## {title}", "", "| documents | reason |", "| ---: | --- |")
        counted: Counter[str] = Counter()
        for each in found:
            if each.outcome == outcome:
                counted.update({shape(text) for text in each.texts})
        for text, count in sorted(counted.items(), key=lambda each: (-each[1], each[0])):
            yield f"| {count} | {_cell(text)} |"
    yield from ("", "## Each refused document", "", "| file | document | reason |", "| --- | --- | --- |")
    for each in found:
        if each.outcome == REFUSED:
            yield f"| {each.file} | {each.name or 'whole file'} | {_cell('; '.join(each.texts))} |"


def _by_folder(found: Sequence[Told]) -> Iterator[str]:
    yield f"| folder | files | documents | {' | '.join(OUTCOMES)} |"
    yield f"| --- | ---: | ---: | {' | '.join(['---:'] * len(OUTCOMES))} |"
    folders = sorted({folder_of(each) for each in found})
    for folder in folders:
        yield _row(folder, [each for each in found if folder_of(each) == folder])
    yield _row("**all**", found)


def _row(name: str, found: Sequence[Told]) -> str:
    counted = Counter(each.outcome for each in found)
    files = len({each.file for each in found})
    return f"| {name} | {files} | {len(found)} | {' | '.join(str(counted[each]) for each in OUTCOMES)} |"


def shape(text: str) -> str:
    """A reason without indexes, keys and values, so that equal ones are counted together."""
    path, colon, rest = _LINE.sub("", text).partition(": ")
    return f"{_INDEX.sub('[]', path)}{colon}{rest}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:400]

"""Keys and values of config maps and secrets from the command line: texts, files, folders, variables."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from knarr.cli.failure import FAILED, USAGE, Failure

MAX_BYTES = 1_048_576  # what a config map or secret may hold, as in Kubernetes


def keyed_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that `keyed_data` reads."""
    for option in (
        click.option("--from-env-file", "env_files", multiple=True, metavar="FILE", help="Lines KEY=VALUE."),
        click.option("--from-literal", "literals", multiple=True, metavar="KEY=VALUE", help="A text."),
        click.option(
            "--from-file",
            "data_files",
            multiple=True,
            metavar="[KEY=]FILE|DIR",
            help="A file's content, by its name or KEY; or all files of a folder.",
        ),
    ):
        function = option(function)
    return function


def keyed_data(
    literals: Sequence[str], data_files: Sequence[str], env_files: Sequence[str]
) -> dict[str, bytes]:
    """Keys and values; raises Failure for what cannot be read, and for a key that comes twice."""
    found: dict[str, bytes] = {}
    for key, value in (*_literals(literals), *_files(data_files), *_variables(env_files)):
        if key in found:
            raise Failure(f'the key "{key}" is given twice', USAGE)
        found[key] = value
    if sum(map(len, found.values())) > MAX_BYTES:
        raise Failure(f"more than {MAX_BYTES} bytes; that is too much for one object")
    return found


def _literals(texts: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Failure(f'--from-literal "{text}": write KEY=VALUE', USAGE)
        yield key, value.encode()


def _files(texts: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for text in texts:
        key, equals, name = text.rpartition("=")
        path = Path(name)
        if not equals and path.is_dir():
            for file in sorted(each for each in path.iterdir() if each.is_file()):
                yield file.name, _content(file)
        else:
            yield key or path.name, _content(path)


def _variables(names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        for number, line in enumerate(_content(Path(name)).decode(errors="replace").splitlines(), 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            key, equals, value = text.partition("=")
            if not key or not equals:
                raise Failure(f"{name}:{number}: expected KEY=VALUE", FAILED)
            yield key, value.encode()


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", FAILED) from error

"""Labels and annotations as people change them: `key=value` sets, `key-` removes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from knarr.cli.failure import FAILED, USAGE, Failure


@dataclass(frozen=True, slots=True)
class Marks:
    """What to set and what to remove."""

    set: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def patch(self) -> dict[str, str | None]:
        """As a JSON merge patch of the map."""
        return {**self.set, **dict.fromkeys(sorted(self.removed))}

    def applied(self, existing: Mapping[str, str]) -> dict[str, str]:
        """The map after the change."""
        return {**{key: existing[key] for key in existing if key not in self.removed}, **self.set}

    def overwritten(self, existing: Mapping[str, str]) -> dict[str, str]:
        """What has another value now than it would get."""
        return {key: existing[key] for key in self.set if existing.get(key, self.set[key]) != self.set[key]}


def split(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of objects and marks: the marks begin with the first argument that is one."""
    first = next(
        (index for index, argument in enumerate(arguments) if "=" in argument or argument.endswith("-")),
        len(arguments),
    )
    return tuple(arguments[:first]), tuple(arguments[first:])


def parse_marks(arguments: Sequence[str]) -> Marks:
    """Raises Failure for what is no mark, and for a key that is both set and removed, or set twice."""
    found: dict[str, str] = {}
    removed: set[str] = set()
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and key:
            if found.get(key, value) != value:
                raise Failure(f'"{key}" is set twice', USAGE)
            found[key] = value
        elif not equals and argument.endswith("-") and len(argument) > 1:
            removed.add(argument[:-1])
        else:
            raise Failure(f'"{argument}": write KEY=VALUE to set, or KEY- to remove', USAGE)
    if both := removed & set(found):
        raise Failure(f'"{min(both)}" is both set and removed', USAGE)
    return Marks(found, frozenset(removed))


def require_free(existing: Mapping[str, str], marks: Marks, where: str) -> None:
    """Raises Failure when a value would be replaced."""
    for key, value in marks.overwritten(existing).items():
        raise Failure(f'{where}: "{key}" already has a value ({value}); --overwrite replaces it', FAILED)

"""What an apply would change, as a unified diff. Pure."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from knarr.api.yaml_text import to_yaml

# What every write changes, or nobody wrote: it would only be noise.
HIDDEN: Final = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
MASK: Final = "***"
CONTEXT: Final = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """An object as it is, and as it would be; None where there is none."""

    name: str  # "deployment.apps/web"
    namespace: str
    live: dict[str, Any] | None
    merged: dict[str, Any] | None


def unified(pair: Pair) -> list[str]:
    """The lines of the difference; none when there is none."""
    live, merged = _masked(pair.live, pair.merged)
    where = f"{pair.namespace}/{pair.name}" if pair.namespace else pair.name
    return list(
        difflib.unified_diff(
            _lines(live),
            _lines(merged),
            f"live/{where}" if live is not None else "/dev/null",
            f"applied/{where}" if merged is not None else "/dev/null",
            lineterm="",
            n=CONTEXT,
        )
    )


def _lines(value: dict[str, Any] | None) -> Sequence[str]:
    if value is None:
        return ()
    shown = dict(value)
    metadata = shown.get("metadata") or {}
    shown["metadata"] = {key: metadata[key] for key in metadata if key not in HIDDEN}
    return to_yaml(shown).splitlines()


def _masked(
    live: dict[str, Any] | None, merged: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Values of secrets are never shown: only that they differ."""
    if (live or merged or {}).get("kind") != "Secret":
        return live, merged
    before, after = _data(live), _data(merged)
    same = {key for key in before if key in after and before[key] == after[key]}
    return _mask(live, before, same, "before"), _mask(merged, after, same, "after")


def _data(secret: dict[str, Any] | None) -> dict[str, str]:
    return dict((secret or {}).get("data") or {})


def _mask(
    secret: dict[str, Any] | None, data: dict[str, str], same: set[str], when: str
) -> dict[str, Any] | None:
    if secret is None or not data:
        return secret
    shown = {key: MASK if key in same else f"{MASK} ({when})" for key in data}
    return {**secret, "data": shown}

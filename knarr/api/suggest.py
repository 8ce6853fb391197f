"""The known name nearest to a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None. Case and separators count little."""
    if len(name) > 100:
        return None
    by_folded = {_fold(candidate): candidate for candidate in known}
    exact = by_folded.get(_fold(name))
    if exact is not None:
        return exact
    found = get_close_matches(_fold(name), by_folded, n=1, cutoff=0.7)
    return by_folded[found[0]] if found else None


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()

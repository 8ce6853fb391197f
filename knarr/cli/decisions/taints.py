"""Taints of nodes as people change them: `key=value:Effect` sets, `key:Effect-` and `key-` remove. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.proto.kubernetes import core_v1_pb2 as core

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^=:]*))?(:(?P<effect>[A-Za-z]+))?(?P<removes>-)?")


@dataclass(frozen=True, slots=True)
class Change:
    """One taint to set, or to remove: `effect` "" then means all."""

    key: str
    value: str
    effect: str
    removes: bool

    def concerns(self, taint: core.Taint) -> bool:
        return taint.key == self.key and self.effect in ("", taint.effect)


def parse_changes(arguments: Sequence[str]) -> list[Change]:
    """Raises Failure for what is no change, and for two of one taint."""
    found: list[Change] = []
    for argument in arguments:
        change = _change(argument)
        if any(other.key == change.key and other.effect == change.effect for other in found):
            raise Failure(f'"{argument}": that taint is given twice', USAGE)
        found.append(change)
    return found


def _change(argument: str) -> Change:
    removes = argument.endswith("-")
    match = _TAINT.fullmatch(argument.removesuffix("-") if removes else argument)
    if match is None or (not removes and not match["effect"]):
        raise Failure(f'"{argument}": write KEY=VALUE:EFFECT to set, KEY:EFFECT- or KEY- to remove', USAGE)
    effect = match["effect"] or ""
    if effect and effect not in EFFECTS:
        raise Failure(f'"{argument}": the effect is one of {", ".join(EFFECTS)}', USAGE)
    return Change(match["key"], match["value"] or "", effect, removes)


def tainted(
    taints: Sequence[core.Taint], changes: Sequence[Change], *, overwrite: bool, where: str
) -> list[core.Taint]:
    """The taints after the changes; raises Failure when a value would be replaced, and when there is nothing
    of what is to be removed."""
    result = list(taints)
    for change in changes:
        concerned = [taint for taint in result if change.concerns(taint)]
        if change.removes:
            if not concerned:
                raise Failure(f'{where} has no taint "{_named(change)}"', FAILED)
            result = [taint for taint in result if not change.concerns(taint)]
            continue
        for taint in concerned:
            if taint.value != change.value and not overwrite:
                already = f'already has the taint "{_named(change)}" with value "{taint.value}"'
                raise Failure(f"{where} {already}; --overwrite replaces it", FAILED)
        if any(taint.value == change.value for taint in concerned):
            continue  # it keeps its timeAdded
        result = [taint for taint in result if not change.concerns(taint)]
        result.append(core.Taint(key=change.key, value=change.value, effect=change.effect))
    return result


def _named(change: Change) -> str:
    return f"{change.key}:{change.effect}" if change.effect else change.key

"""Which plugins a profile has at a point, and with which weights. Pure.

As kube-scheduler merges: what is disabled goes from the defaults, what is enabled replaces a default of the
same name in its place or comes after them. multiPoint holds for all points; what a point says itself wins.
"""

from collections.abc import Mapping, Sequence

from knarr.proto.settings import kubescheduler_v1_pb2 as messages

ALL = "*"


def merged(
    defaults: Sequence[tuple[str, int]], multi_point: messages.PluginSet, own: messages.PluginSet
) -> tuple[tuple[str, int], ...]:
    """(name, weight) in order. `defaults`: all plugins that can be at the point, with their weights."""
    weights = dict(defaults)
    enabled = _apply(list(defaults), multi_point, weights)
    return tuple(_apply(enabled, own, weights))


def _apply(
    before: list[tuple[str, int]], change: messages.PluginSet, weights: Mapping[str, int]
) -> list[tuple[str, int]]:
    disabled = {row.name for row in change.disabled}
    enabled = {row.name: row.weight or weights[row.name] for row in change.enabled if row.name in weights}
    kept = [
        (name, enabled.pop(name, weight))
        for name, weight in before
        if name in enabled or not (ALL in disabled or name in disabled)
    ]
    return [*kept, *enabled.items()]

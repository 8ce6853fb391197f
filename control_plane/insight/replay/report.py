"""What came of a replay, as lines and as JSON. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from control_plane.insight.replay.play import Played
from knarr.recording.files import Header

_REASONS = 20


def report_lines(header: Header, played: Played) -> list[str]:
    """For people."""
    said = "anonymised recording" if header.anonymised else "recording"
    lines = [
        f"{said} of {header.recorded_at}: {played.nodes:,} nodes, {played.running:,} pods on them, "
        f"{played.waiting:,} pods without a node",
        f"placed {len(played.placed):,} of {played.waiting:,} pods in {played.decide_s:.3f} s: "
        f"{pods_per_s(played):,.0f} pods/s (read into the table in {played.load_s:.3f} s)",
    ]
    if played.latencies_s:
        p50, p99 = _percentiles(played.latencies_s)
        lines.append(f"from a group's turn to a decision: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    if played.placed:
        lines.append(_spread(played))
    if played.victims:
        lines.append(f"pods evicted to make room: {len(played.victims):,}")
    waiting = _waiting(played)
    if waiting:
        lines += ["", f"pods that would wait: {sum(many for _, many, _ in waiting):,}"]
        lines += [f"  {many:>7,}  {why}  (such as {name})" for why, many, name in waiting[:_REASONS]]
    return lines


def report_value(header: Header, played: Played) -> dict[str, Any]:
    """For programs; times in the unit that the name says."""
    p50, p99 = _percentiles(played.latencies_s) if played.latencies_s else (0.0, 0.0)
    return {
        "recordedAt": header.recorded_at,
        "anonymised": header.anonymised,
        "nodes": played.nodes,
        "running": played.running,
        "waiting": played.waiting,
        "loadSeconds": played.load_s,
        "decideSeconds": played.decide_s,
        "podsPerSecond": pods_per_s(played),
        "p50Milliseconds": p50,
        "p99Milliseconds": p99,
        "placements": played.placed,
        "victims": played.victims,
        "unschedulable": {key: verdict.message for key, verdict in played.refused.items()},
        "notTried": played.held,
    }


def pods_per_s(played: Played) -> float:
    """Decisions a second, those that found no node included."""
    return (len(played.placed) + len(played.refused)) / max(played.decide_s, 1e-9)


def _percentiles(latencies_s: Sequence[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(np.asarray(latencies_s) * 1000, (50, 99))
    return float(p50), float(p99)


def _spread(played: Played) -> str:
    counts = sorted(Counter(played.placed.values()).values())
    return (
        f"on {len(counts):,} nodes: {counts[0]:,} to {counts[-1]:,} new pods a node, "
        f"half of them at most {counts[len(counts) // 2]:,}"
    )


def _waiting(played: Played) -> list[tuple[str, int, str]]:
    """(why, how many, one of them), the most frequent first."""
    why = {key: verdict.message for key, verdict in played.refused.items()} | played.held
    counts = Counter(why.values())
    first = {text: key for key, text in reversed(why.items())}
    return [(text, many, first[text]) for text, many in counts.most_common()]

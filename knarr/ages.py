"""Lengths of time as kubectl prints them."""

import re
from datetime import datetime
from typing import Final

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def age(seconds: float) -> str:
    """ "5s", "3m20s", "7h", "2d4h", "45d", "3y": two units while small, one when large."""
    if seconds < -2:
        return "<invalid>"
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")


def age_since(timestamp: str, now: float) -> str:
    """The age of an RFC 3339 time; "<unknown>" for an empty one."""
    if not timestamp:
        return "<unknown>"
    return age(now - datetime.fromisoformat(timestamp).timestamp())


def ages_in(text: str, now: float) -> str:
    """The text with an age for each RFC 3339 time (in UTC, of whole seconds) in it: "3 (5m ago)"."""
    return _TIME.sub(lambda found: age_since(found[0], now), text)

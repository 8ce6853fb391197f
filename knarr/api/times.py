"""Points in time and durations as Kubernetes writes them in JSON.

Times are RFC 3339; any offset is read, UTC is written. The zero time (Go's year 1, seconds = nanos = 0 on the
wire) means that there is none.
"""

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from knarr.api.errors import FormatError, show

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_YEAR_ONE: Final = timegm((1, 1, 1, 0, 0, 0))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MIN_SECONDS: Final = _YEAR_ONE
MAX_SECONDS: Final = timegm((9999, 12, 31, 23, 59, 59))

_UNIT_NANOS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION_PART: Final = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)")
_MAX_DURATION: Final = 2**63 - 1


def parse_time(text: str) -> tuple[int, int]:
    """(seconds since 1970, nanos) of an RFC 3339 text; (0, 0) for the zero time. Raises FormatError."""
    if len(text) == 20 and text[4] == text[7] == "-" and text[10] == "T" and text[19] == "Z":
        try:  # the form that everything writes
            seconds = int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            pass
        else:
            return (0, 0) if seconds == _YEAR_ONE else (seconds, 0)
    return _parse_any_time(text)


def _parse_any_time(text: str) -> tuple[int, int]:
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise FormatError(f"expected a time such as 2026-01-31T08:00:00Z, got {show(text)}")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    offset = 0
    if found[8]:
        offset = int(found[9]) * 3600 + int(found[10]) * 60
        offset = -offset if found[8] == "-" else offset
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise FormatError(f"{show(text)} is no time: {error}") from error
    if abs(offset) >= 24 * 3600 or int(found[10] or 0) > 59:
        raise FormatError(f"{show(text)} has an impossible offset from UTC")
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - offset
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise FormatError(f"{show(text)} is outside of the years 1 to 9999")
    nanos = int((found[7] or "0")[:9].ljust(9, "0"))
    return (0, 0) if seconds == _YEAR_ONE and nanos == 0 else (seconds, nanos)


@lru_cache(maxsize=8_192)
def format_time(seconds: int) -> str:
    """RFC 3339, UTC, to the second. Seconds outside of the years 1 to 9999 are moved to the nearest."""
    moment = _EPOCH + timedelta(seconds=min(max(seconds, MIN_SECONDS), MAX_SECONDS))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1000 else _padded(moment)


def _padded(moment: datetime) -> str:
    # strftime writes years before 1000 without leading zeros on Linux.
    return f"{moment.year:04}{moment.strftime('-%m-%dT%H:%M:%SZ')}"


def format_micro_time(seconds: int, nanos: int) -> str:
    """RFC 3339, UTC, with six decimals."""
    return f"{format_time(seconds)[:-1]}.{nanos // 1000 % 1_000_000:06}Z"


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration ("1m30s", "-1.5h", "0"). Raises FormatError."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    total, at = 0, 0
    for part in _DURATION_PART.finditer(rest):
        whole, fraction = part[1], part[2] or ""
        if part.start() != at or not (whole or fraction) or len(whole + fraction) > 40:
            break
        unit = _UNIT_NANOS[part[3]]
        total += int(whole or "0") * unit + (int(fraction or "0") * unit) // 10 ** len(fraction)
        at = part.end()
    if rest != "0" and (at == 0 or at != len(rest)):
        raise FormatError(f"expected a duration such as 1m30s, got {show(text)}")
    if total > _MAX_DURATION:
        raise FormatError(f"{show(text)} is longer than a duration can be (292 years)")
    return -total if text[:1] == "-" else total


def format_duration(nanos: int) -> str:
    """A Go duration as Go prints it: "0s", "1.5s", "1h0m0s", "250ms"."""
    if nanos == 0:
        return "0s"
    sign, rest = ("-", -nanos) if nanos < 0 else ("", nanos)
    if rest < 10**9:
        unit, name = next((n, u) for u, n in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if rest >= n)
        return f"{sign}{_decimal(rest, unit)}{name}"
    minutes, rest = divmod(rest, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 10**9)}s"
    if hours:
        text = f"{hours}h{minutes}m{text}"
    elif minutes:
        text = f"{minutes}m{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{fraction:0{digits}}".rstrip("0") if fraction else str(whole)

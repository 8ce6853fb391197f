"""The syntax of cron schedules: what is wrong with one. When it fires is not known here.

Source: robfig/cron v3, the parser of Kubernetes' CronJobs, with its sentences.
"""

import re
from typing import Final

from knarr.api.errors import FormatError
from knarr.api.times import parse_duration

_DESCRIPTORS: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_DAYS: Final = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_NO_NAMES: Final[dict[str, int]] = {}
_FIELDS: Final = (
    (0, 59, _NO_NAMES),
    (0, 23, _NO_NAMES),
    (1, 31, _NO_NAMES),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_ZONE: Final = re.compile(r"(TZ|CRON_TZ)=(\S*) ")


def schedule_error(text: str) -> str:
    """What is wrong with a schedule; "" for a good one. A leading zone is passed over."""
    text = _ZONE.sub("", text, count=1)
    if not text.strip():
        return "empty spec string"
    if text.startswith("@"):
        return _descriptor_error(text)
    fields = text.split()
    if len(fields) != 5:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for field, bounds in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            error = _part_error(part, *bounds)
            if error:
                return error
    return ""


def _descriptor_error(text: str) -> str:
    if text in _DESCRIPTORS:
        return ""
    prefix = "@every "
    if text.startswith(prefix):
        try:
            parse_duration(text.removeprefix(prefix))
        except FormatError as error:
            return f"failed to parse duration {text}: {error}"
        return ""
    return f"unrecognized descriptor: {text}"


def _part_error(part: str, low: int, high: int, names: dict[str, int]) -> str:
    """Of "*", "5", "1-5", "*/2", "1-30/5"."""
    span, slash, step = part.partition("/")
    if "/" in step:
        return f"too many slashes: {part}"
    if slash and not step.isdecimal():
        return f"failed to parse int from {step}: {part}"
    if slash and int(step) == 0:
        return f"step of range should be a positive number: {part}"
    first, dash, last = span.partition("-")
    if "-" in last:
        return f"too many hyphens: {part}"
    if first in ("*", "?"):
        return ""
    ends = [_number(first, names), _number(last, names) if dash else _number(first, names)]
    start, end = ends
    if start is None or end is None:
        return f"failed to parse int from {first if start is None else last}: {part}"
    if slash and not dash:
        end = high
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {part}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {part}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {part}"
    return ""


def _number(text: str, names: dict[str, int]) -> int | None:
    named = names.get(text.lower())
    if named is not None:
        return named
    return int(text) if text.isdecimal() and len(text) < 10 else None

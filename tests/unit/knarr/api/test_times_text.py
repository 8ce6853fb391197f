"""Times and durations in JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api import times
from knarr.api.errors import FormatError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01Z", (1, 0)),
        ("2026-01-31T08:00:00+01:30", (1769841000, 0)),
        ("2026-01-31T08:00:00-01:30", (1769851800, 0)),
        ("2026-01-31T08:00:00.5Z", (1769846400, 500_000_000)),
        ("2026-01-31T08:00:00.1234567891Z", (1769846400, 123_456_789)),
        ("0001-01-01T00:00:00Z", (0, 0)),
        ("9999-12-31T23:59:59Z", (times.MAX_SECONDS, 0)),
    ],
)
def test_times_are_read_with_any_offset(text: str, moment: tuple[int, int]) -> None:
    assert times.parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31 08:00:00Z",
        "2026-01-31T08:00:00",
        "2026-02-30T08:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T08:00:60Z",
        "2026-01-31T08:00:00+24:00",
        "2026-01-31T08:00:00+01:60",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        times.parse_time(text)


@given(st.integers(times.MIN_SECONDS + 1, times.MAX_SECONDS))
def test_written_times_are_read_as_they_were(seconds: int) -> None:
    assert times.parse_time(times.format_time(seconds)) == (seconds, 0)
    assert times.parse_time(times.format_micro_time(seconds, 1_234_567)) == (seconds, 1_234_000)


def test_years_have_four_digits_and_impossible_ones_are_moved() -> None:
    assert times.format_time(times.MIN_SECONDS + 1) == "0001-01-01T00:00:01Z"
    assert times.format_time(2**62) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("text", "nanos", "printed"),
    [
        ("0", 0, "0s"),
        ("1s", 10**9, "1s"),
        ("1m30s", 90 * 10**9, "1m30s"),
        ("90s", 90 * 10**9, "1m30s"),
        ("-1.5h", -5400 * 10**9, "-1h30m0s"),
        ("100ms", 10**8, "100ms"),
        ("1.5us", 1500, "1.5µs"),
        ("3ns", 3, "3ns"),
        ("+.5s", 5 * 10**8, "500ms"),
        ("1h0.001s", 3600 * 10**9 + 10**6, "1h0m0.001s"),
    ],
)
def test_durations(text: str, nanos: int, printed: str) -> None:
    assert times.parse_duration(text) == nanos
    assert times.format_duration(nanos) == printed


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1x", "1s ", ".s", "--1s", "1s!2s", "300000000h", "9" * 50 + "s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        times.parse_duration(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_written_durations_are_read_as_they_were(nanos: int) -> None:
    assert times.parse_duration(times.format_duration(nanos)) == nanos

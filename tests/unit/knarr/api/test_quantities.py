"""Quantities: read, printed in canonical form, counted with."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api import quantity
from knarr.api.errors import QuantityError
from knarr.api.quantity import Quantity, canonical, cpu_millis, parse, to_int
from knarr.proto.kubernetes import meta_v1_pb2 as meta


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("0", "0"),
        ("0Mi", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("+1", "1"),
        (" 1 ", "1"),
        ("01", "1"),
        ("5.", "5"),
        (".5", "500m"),
        ("0.5", "500m"),
        ("1.500", "1500m"),
        ("-1.5", "-1500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1u", "1u"),
        ("1000u", "1m"),
        ("100n", "100n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1.0000000001", "1000000001n"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("1000k", "1M"),
        ("1500k", "1500k"),
        ("1000E", "1e21"),
        ("1E", "1E"),
        ("268435456", "268435456"),
        ("1Ki", "1Ki"),
        ("1000Ki", "1000Ki"),
        ("1024Ki", "1Mi"),
        ("4096Mi", "4Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.1Gi", "107374182400m"),
        ("0.0001Ki", "102400u"),
        ("-1.5Gi", "-1536Mi"),
        ("100Ei", "9223372036854775807"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1e10", "10e9"),
        ("12e-3", "12e-3"),
        ("1e-12", "1e-9"),
        ("1.5e1", "15"),
    ],
)
def test_canonical_form(text: str, printed: str) -> None:
    assert canonical(text) == printed
    assert parse(printed) == parse(text)
    assert canonical(printed) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '"" is not a quantity'),
        ("1.5.5Gi", '"1.5.5Gi" is not a quantity: expected a number'),
        ("Gi", '"Gi" is not a quantity'),
        (".", '"." is not a quantity'),
        ("1 Gi", '"1 Gi" is not a quantity'),
        ("1,5", "is not a quantity"),
        ("--1", "is not a quantity"),
        ("0x10", 'has the unknown suffix "x10"'),
        ("\N{ARABIC-INDIC DIGIT ONE}", "is not a quantity"),
        ("1K", 'has the unknown suffix "K"; did you mean 1k?'),
        ("1GB", 'has the unknown suffix "GB"; did you mean 1G?'),
        ("1GiB", 'has the unknown suffix "GiB"; did you mean 1Gi?'),
        ("1gi", "did you mean 1Gi?"),
        ("1e", 'has the unknown suffix "e"; known are'),
        ("1Gi5", 'has the unknown suffix "Gi5"'),
        ("1e1000000", "out of range"),
        ("1" * 300, "is not a quantity"),
    ],
)
def test_what_is_no_quantity_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(QuantityError) as raised:
        parse(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "millis", "whole"),
    [
        ("1", 1000, 1),
        ("100m", 100, 1),
        ("1u", 1, 1),
        ("", 0, 0),
        ("1.5Gi", 1610612736000, 1610612736),
        ("-1", -1000, -1),
    ],
)
def test_helpers_round_up(text: str, millis: int, whole: int) -> None:
    assert cpu_millis(meta.Quantity(string=text)) == cpu_millis(text) == millis
    assert to_int(meta.Quantity(string=text)) == to_int(text) == whole


def test_arithmetic_keeps_the_format_of_the_left() -> None:
    assert str(parse("1Gi") + parse("512Mi")) == "1536Mi"
    assert str(parse("0") + parse("512Mi")) == "512Mi"
    assert str(parse("1") - parse("250m")) == "750m"
    assert str(-parse("1Ki") * 3) == "-3Ki"
    assert str(parse("1001m").round_up(10**9)) == "2"
    assert str(parse("-1001m").round_up(10**9)) == "-2"
    assert quantity.message(parse("1000m")) == meta.Quantity(string="1")
    assert quantity.of(meta.Quantity()) == parse("0")
    assert not parse("0")
    assert hash(parse("1")) == hash(parse("1000m"))
    assert parse("1Ki") != "1Ki"


_NUMBERS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.decimals(0, 10**6, places=3, allow_nan=False).map(str),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "e3", "E-2"]),
)


@given(_NUMBERS, _NUMBERS)
def test_order_and_sums_are_exact(left: str, right: str) -> None:
    a, b = parse(left), parse(right)
    assert (a < b) is (a.nanos < b.nanos)
    assert (a <= b) is (not b < a)
    assert (a > b) is (b < a)
    assert (a >= b) is (b <= a)
    assert (a + b) - b == a
    assert parse(str(a)) == a
    assert canonical(str(a)) == str(a)
    assert isinstance(a + b, Quantity)


@given(st.decimals(0, 10**9, places=9, allow_nan=False))
def test_plain_numbers_are_read_to_the_nano(number: Decimal) -> None:
    assert parse(f"{number:f}").nanos == number * 10**9


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    try:
        assert parse(canonical(text)) == parse(text)
    except QuantityError as error:
        assert text == "" or str(error)  # noqa: PT017 - both ways are fine

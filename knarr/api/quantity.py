"""Kubernetes quantities ("100m", "1.5Gi", "2e3"), exact.

A value is a whole number of nanos, so nothing is lost between parsing and printing; what is finer is rounded
away from zero, as Kubernetes does. Parsing is cached: a cluster writes few different quantities, very often.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from knarr.api.errors import QuantityError, show
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NANOS: Final = 10**9
_MAX_BINARY: Final = (2**63 - 1) * NANOS  # Kubernetes caps binary quantities at the largest int64
_MAX_EXPONENT: Final = 1_000  # beyond every use; keeps a short text from becoming a huge number
_MAX_LENGTH: Final = 256
_PATTERN: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([A-Za-zµ]*)([+-]?\d+)?", re.ASCII)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_SUFFIX: Final = {0: "", **{exponent: suffix for suffix, exponent in _BINARY.items()}}
_CORRECTIONS: Final = {"K": "k", "ki": "Ki", "mi": "Mi", "g": "G", "gi": "Gi", "t": "T", "ti": "Ti"}


class Format(Enum):
    """How a quantity was written, and is printed again."""

    DECIMAL = "decimal"  # 1500m, 2k
    BINARY = "binary"  # 1536Mi
    EXPONENT = "exponent"  # 2e3


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact amount. Equality and order go by the amount alone; sums keep the left format."""

    nanos: int
    format: Format = Format.DECIMAL

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __lt__(self, other: "Quantity") -> bool:
        return self.nanos < other.nanos

    def __le__(self, other: "Quantity") -> bool:
        return self.nanos <= other.nanos

    def __gt__(self, other: "Quantity") -> bool:
        return self.nanos > other.nanos

    def __ge__(self, other: "Quantity") -> bool:
        return self.nanos >= other.nanos

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __neg__(self) -> "Quantity":
        return Quantity(-self.nanos, self.format)

    def __mul__(self, factor: int) -> "Quantity":
        return Quantity(self.nanos * factor, self.format)

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __str__(self) -> str:
        """The canonical form: no fraction, the largest suffix that keeps the number whole."""
        if self.nanos == 0:
            return "0"
        whole, rest = divmod(self.nanos, NANOS)
        if self.format is Format.BINARY and rest == 0 and abs(whole) >= 1024:
            return _canonical(whole, 0, 1024, 10, _BINARY_SUFFIX)
        suffixes = _DECIMAL_SUFFIX if self.format is not Format.EXPONENT else {0: ""}
        return _canonical(self.nanos, -9, 1000, 3, suffixes)

    def ceil(self, unit_nanos: int = NANOS) -> int:
        """The amount in whole units of `unit_nanos`, rounded up."""
        return -(-self.nanos // unit_nanos)

    def round_up(self, unit_nanos: int) -> "Quantity":
        """The amount as a multiple of `unit_nanos`, rounded away from zero."""
        rounded = -(-abs(self.nanos) // unit_nanos) * unit_nanos
        return Quantity(rounded if self.nanos >= 0 else -rounded, self.format)


def _canonical(number: int, exponent: int, base: int, step: int, suffixes: dict[int, str]) -> str:
    while number % base == 0:
        number //= base
        exponent += step
    suffix = suffixes.get(exponent)
    return f"{number}{suffix}" if suffix is not None else f"{number}e{exponent}"


@lru_cache(maxsize=16_384)
def parse(text: str) -> Quantity:
    """The quantity that a text says; raises QuantityError.

    Source: k8s.io/apimachinery, pkg/api/resource. Unlike there, a text without digits ("Gi") is refused.
    """
    found = _PATTERN.fullmatch(text.strip()) if len(text) <= _MAX_LENGTH else None
    if found is None or not (found[2] or found[3]):
        raise QuantityError(
            f"{show(text)} is not a quantity: expected a number with an optional suffix, "
            "such as 500m, 2, 1.5Gi or 1e3"
        )
    sign, digits, fraction, suffix, power = found[1], found[2], found[3] or "", found[4], found[5]
    number = int(digits + fraction)
    exponent = -len(fraction)
    if suffix in ("e", "E") and power:
        if abs(int(power)) > _MAX_EXPONENT:
            raise QuantityError(f"{show(text)} is out of range: exponents end at {_MAX_EXPONENT}")
        nanos, form = _scale(number, exponent + int(power)), Format.EXPONENT
    elif power or (suffix not in _DECIMAL and suffix not in _BINARY):
        raise QuantityError(_unknown_suffix(text, suffix + (power or "")))
    elif suffix in _BINARY:
        nanos = min(_scale(number << _BINARY[suffix], exponent), _MAX_BINARY)
        form = Format.BINARY if nanos >= NANOS or nanos == 0 else Format.DECIMAL
    else:
        nanos, form = _scale(number, exponent + _DECIMAL[suffix]), Format.DECIMAL
    return Quantity(-nanos if sign == "-" else nanos, form)


def _scale(number: int, exponent: int) -> int:
    """number * 10^exponent in nanos, rounded up."""
    shift = exponent + 9
    factor: int = 10 ** abs(shift)
    return number * factor if shift >= 0 else -(-number // factor)


def _unknown_suffix(text: str, suffix: str) -> str:
    number = text.strip()[: -len(suffix)]
    known = _CORRECTIONS.get(suffix)
    if known is None and suffix.rstrip("Bb") != suffix:
        known = suffix.rstrip("Bb")
        known = _CORRECTIONS.get(known, known)
    if known in _DECIMAL or known in _BINARY:
        return f"{show(text)} has the unknown suffix {show(suffix)}; did you mean {number}{known}?"
    return (
        f"{show(text)} has the unknown suffix {show(suffix)}; known are n u m k M G T P E, "
        "Ki Mi Gi Ti Pi Ei and exponents such as e3"
    )


@lru_cache(maxsize=16_384)
def canonical(text: str) -> str:
    """The canonical form of a quantity's text; raises QuantityError."""
    return str(parse(text))


def of(quantity: meta.Quantity | str) -> Quantity:
    """The amount of a Quantity message or text; an empty message is zero. Raises QuantityError."""
    text = quantity if isinstance(quantity, str) else quantity.string
    return parse(text or "0")


@lru_cache(maxsize=16_384)
def _millis(text: str) -> int:
    return parse(text).ceil(NANOS // 1000)


@lru_cache(maxsize=16_384)
def _whole(text: str) -> int:
    return parse(text).ceil()


def cpu_millis(quantity: meta.Quantity | str) -> int:
    """Thousandths of a CPU, rounded up; an empty message is 0. Raises QuantityError."""
    return _millis((quantity if isinstance(quantity, str) else quantity.string) or "0")


def to_int(quantity: meta.Quantity | str) -> int:
    """Whole units (bytes, counts), rounded up; an empty message is 0. Raises QuantityError."""
    return _whole((quantity if isinstance(quantity, str) else quantity.string) or "0")


def message(quantity: Quantity) -> meta.Quantity:
    """The message of an amount, in canonical form."""
    return meta.Quantity(string=str(quantity))

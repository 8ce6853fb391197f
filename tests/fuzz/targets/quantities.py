"""Values with a syntax of their own: quantities, numbers or strings, points in time, durations."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any, Final

from google.protobuf.message import Message

from knarr.api import codec, quantity, times
from knarr.api.errors import DecodeError, FormatError
from knarr.api.normal import normalise
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.fuzz.mutation import sizes, texts, values
from tests.fuzz.target import Try, Wrong

_TOKENS: Final = (
    *(
        "0",
        "1",
        "9",
        "000",
        ".",
        "-",
        "+",
        "e",
        "E",
        "e3",
        "E-3",
        "e9999",
        "n",
        "u",
        "m",
        "k",
        "M",
        "Gi",
        "Ki",
        "Ei",
    ),
    *(
        "%",
        " ",
        "T",
        "Z",
        ":",
        "+00:00",
        "-23:59",
        "h",
        "ms",
        "µs",
        "ns",
        "µ",
        "٣",
        "²",
        "_",
        "0x",
        "\n",
        "9" * 20,
    ),
)
_SAMPLES: Final[dict[str, tuple[Any, ...]]] = {
    "quantity": (
        "100m",
        "1.5Gi",
        "1e3",
        1,
        0.5,
        "-5",
        "0.000000001",
        ".5",
        "5.",
        "9223372036854775807Ei",
        10**30,
    ),
    "int_or_string": (80, "http", "50%", "-1", 0, "", 2**31, 1.0),
    "time": (
        "2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00.123456789+02:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ),
    "micro_time": ("2026-01-31T08:00:00.123456Z", "1969-12-31T23:59:59.999999999Z"),
    "duration": ("1m30s", "-1.5h", "0", "1h2m3.5s", "9223372036854775807ns", "1.µs"),
}
_CARRIERS: Final[dict[str, tuple[type[Message], Callable[[Any], dict[str, Any]]]]] = {
    "quantity": (core.ResourceRequirements, lambda value: {"limits": {"cpu": value}}),
    "int_or_string": (core.HTTPGetAction, lambda value: {"port": value}),
    "time": (meta.ObjectMeta, lambda value: {"creationTimestamp": value}),
    "micro_time": (coordination.LeaseSpec, lambda value: {"renewTime": value}),
}


class Quantities:
    """An input is JSON: {as, value}."""

    name = "quantities"

    def seeds(self) -> Sequence[bytes]:
        return [
            values.to_text({"as": shape, "value": value})
            for shape, samples in _SAMPLES.items()
            for value in samples
        ]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        try:
            case, donor = json.loads(data), json.loads(other)
        except (ValueError, RecursionError):
            return texts.mutated_bytes(data, rng)
        if not isinstance(case, dict) or "value" not in case:
            return other
        value = case["value"]
        match rng.randrange(10):
            case 0:
                case["as"] = rng.choice(list(_SAMPLES))
            case 1:
                case["value"] = values.hostile(rng)
            case 2:
                case["value"] = donor["value"] if isinstance(donor, dict) else donor
            case 3 if isinstance(value, int | float) and abs(value) < 10**300:
                case["value"] = rng.choice((value * 10, -value, value + 1, value / 3, str(value)))
            case _:
                case["value"] = _changed(str(value), rng)
        return values.to_text(case)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        yield tried


def _changed(text: str, rng: Random) -> str:
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(text) + 1)
        if rng.random() < 0.75:
            text = text[:at] + rng.choice(_TOKENS) + text[at + rng.randrange(3) :]
        else:
            text = texts.mutated(text, rng)
    return text


async def tried(data: bytes) -> str:
    try:
        case = json.loads(data)
        shape, value = str(case["as"]), case["value"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return "no case"
    if shape == "duration":
        return _duration(str(value))
    if isinstance(value, str) and shape == "quantity":
        _arithmetic(value)
    message, around = _CARRIERS.get(shape, _CARRIERS["quantity"])
    return f"{shape} {_decoded(sizes.expanded(values.to_text(around(value))), message)}"


def _decoded(text: bytes, message: type[Message]) -> str:
    """From JSON, to JSON and back, and as a client's protobuf would say it."""
    try:
        decoded = codec.from_json(text, message).strict()
    except DecodeError as error:
        if not all(problem.reason for problem in error.problems):
            raise Wrong("a refusal without a reason") from error
        return "".join(char for char in error.problems[0].reason[-40:] if char.isascii() and char.isalpha())
    again = codec.from_dict(codec.to_dict(decoded), message)
    if again != decoded:
        raise Wrong(f"{decoded} is written as {codec.to_dict(decoded)}, which reads {again}")
    same = message.FromString(decoded.SerializeToString())
    if normalise(same) or same != decoded:
        raise Wrong(f"{decoded} from JSON is {same} from protobuf")
    shown = json.dumps(codec.to_dict(decoded))
    return "".join("9" if char.isdigit() else char for char in shown[-24:])


def _arithmetic(text: str) -> None:
    """Laws of amounts."""
    try:
        amount = quantity.parse(text)
    except FormatError:
        return
    zero = quantity.Quantity(0)
    if quantity.parse(str(amount)) != amount or quantity.canonical(str(amount)) != str(amount):
        raise Wrong(f"{text!r} is printed as {str(amount)!r}, which is another amount or form")
    if amount + -amount != zero or amount - amount != zero or (amount < zero) != (-amount > zero):
        raise Wrong(f"{text!r} does not add up")
    if (
        quantity.to_int(text) * quantity.NANOS < amount.nanos
        or quantity.cpu_millis(text) * 10**6 < amount.nanos
    ):
        raise Wrong(f"{text!r} is rounded down")


def _duration(text: str) -> str:
    try:
        nanos = times.parse_duration(text)
    except FormatError as error:
        return "".join(char for char in str(error)[-30:] if char.isascii() and char.isalpha())
    printed = times.format_duration(nanos)
    if times.parse_duration(printed) != nanos:
        raise Wrong(f"{text!r} is printed as {printed!r}, which is another duration")
    return "duration " + "".join("9" if char.isdigit() else char for char in printed)

"""Parsing of option values that several commands share."""

import re

import click

from knarr.api.errors import SelectorError
from knarr.api.selectors import Selector, parse
from knarr.cli.failure import USAGE, Failure

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "ms": 0.001}


class Duration(click.ParamType[float]):
    """Seconds from "90", "90s", "1m30s", "2h"; 0 and negative values mean what the command says."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip()
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f'"{text}" is no duration; write for example 30s, 5m or 1h30m', param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


DURATION = Duration()


def label_selector(text: str) -> Selector:
    """What -l selects; raises Failure."""
    try:
        return parse(text)
    except SelectorError as error:
        raise Failure(f'-l "{text}": {error}', USAGE) from error

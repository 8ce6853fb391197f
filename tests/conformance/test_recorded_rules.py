"""Recorded requests, played against defaults and rules; the scores must not fall below their targets."""

from tests.conformance import run_defaulting, run_validation


def test_refusals_are_those_recorded() -> None:
    assert run_validation.main(verbose=False) == 0


def test_defaults_are_those_recorded() -> None:
    assert run_defaulting.main(verbose=False) == 0

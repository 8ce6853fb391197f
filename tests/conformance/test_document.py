"""docs/conformance.md shows every wanted difference, and what covers it."""

import pytest

from tests.conformance.cases import Wanted
from tests.conformance.recording import HERE
from tests.conformance.wanted import WANTED

ROOT = HERE.parent.parent
EVERY = [pytest.param(each, id=f"{file}: {each.reason}") for file, found in WANTED.items() for each in found]


@pytest.fixture(scope="module")
def document() -> str:
    return (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("wanted", EVERY)
def test_it_is_shown(document: str, wanted: Wanted) -> None:
    row = f"| {wanted.reason} |"
    covered = f"{row} {wanted.covered_by} |"
    assert (covered if wanted.covered_by else row) in document

"""What the options of a server may say of Service addresses and node ports."""

import pytest
from click.testing import CliRunner

from control_plane.__main__ import main


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--service-addresses", "10.96.0.1/16", "has host bits set"),
        ("--service-addresses", "fd00::/112", "Expected 4 octets|Only decimal|Unexpected"),
        ("--service-addresses", "10.0.0.0/30", "at least 14 addresses"),
        ("--node-ports", "30000", "no range of ports"),
        ("--node-ports", "32767-30000", "no range of ports"),
        ("--node-ports", "30000-70000", "no range of ports"),
    ],
)
def test_ranges_that_are_none(option: str, value: str, why: str) -> None:
    found = CliRunner().invoke(main, ["--state-dir", "/nowhere", option, value])
    assert found.exit_code == 2
    assert any(each in found.output.replace("\n", " ") for each in why.split("|")), found.output

"""What chance picks from a range."""

import ipaddress
import random

import pytest

from control_plane.api.allocation.ranges import AddressRange, PortRange

NETWORK = AddressRange(ipaddress.IPv4Network("10.96.0.0/16"))
TINY = AddressRange(ipaddress.IPv4Network("10.0.0.0/29"))


def test_addresses_are_picked_from_the_upper_part_first() -> None:
    rng, taken = random.Random(1), set[str]()
    for _ in range(300):
        picked = NETWORK.pick(rng, taken)
        assert picked is not None
        assert picked in NETWORK
        assert int(ipaddress.IPv4Address(picked)) - int(NETWORK.network.network_address) > 256
        assert picked not in taken
        taken.add(picked)


def test_a_range_is_used_up_to_the_last_address() -> None:
    rng, taken = random.Random(1), set[str]()
    while (picked := TINY.pick(rng, taken)) is not None:
        taken.add(picked)
    assert sorted(taken) == [f"10.0.0.{number}" for number in range(1, 7)]


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.96.0.1", True),
        ("10.96.255.254", True),
        ("10.96.0.0", False),
        ("10.96.255.255", False),
        ("10.97.0.1", False),
        ("::1", False),
        ("x", False),
    ],
)
def test_what_is_in_a_range(address: str, inside: bool) -> None:
    assert (address in NETWORK) is inside


def test_ports_leave_the_lower_part_until_they_must_not() -> None:
    rng, ports = random.Random(1), PortRange(30_000, 30_063)
    assert str(ports) == "30000-30063"
    taken = set[int]()
    picked = []
    while (port := ports.pick(rng, taken)) is not None:
        picked.append(port)
        taken.add(port)
    assert sorted(picked) == list(range(30_000, 30_064))
    assert all(port >= 30_016 for port in picked[:48])

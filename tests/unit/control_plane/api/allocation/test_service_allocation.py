"""Addresses and node ports of Services through the API: filled in, claimed, refused and given back."""

import random
from typing import Any

import pytest

from control_plane.api.allocation.holdings import CLAIMS
from control_plane.api.allocation.repair import AllocationRepair
from control_plane.api.api import NewObject, Result, WriteOptions
from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import DeleteOptions
from control_plane.store.interface import ABSENT, Write
from knarr.api import codec, kinds
from knarr.errors import ApiError, InternalError, Invalid
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import create, service
from tests.support.api import OPTIONS, ApiWorld, api_world

DRY = WriteOptions(manager="tests", dry_run=True)
SELECTOR = {"app": "a"}


async def claims(world: ApiWorld) -> dict[str, str]:
    """By address or port, who has claimed it."""
    found = (await world.store.list(CLAIMS)).records
    return {record.key.rpartition("/")[2]: record.value.decode().split("/")[1] for record in found}


async def change(world: ApiWorld, name: str, **spec: Any) -> core.Service:
    """Change parts of a spec, as a merge patch does; None clears."""

    def changed(obj: Any) -> Any:
        document = codec.to_dict(obj)
        for field, value in spec.items():
            document["spec"].pop(field, None)
            if value is not None:
                document["spec"][field] = value
        return codec.from_dict(document, core.Service)

    result = await world.api.change(kinds.SERVICE, "default", name, changed, OPTIONS)
    assert isinstance(result.obj, core.Service)
    return result.obj


async def replace(world: ApiWorld, given: core.Service, options: WriteOptions = OPTIONS) -> core.Service:
    """Write a service whose file says nothing of what is stored."""
    stored = await world.api.get_record(kinds.SERVICE, "default", given.metadata.name)
    given.metadata.resourceVersion = str(stored.version)
    result = await world.api.update(kinds.SERVICE, "default", given, options)
    assert isinstance(result.obj, core.Service)
    return result.obj


async def test_an_address_is_filled_in_and_claimed_and_given_back() -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80))
        spec = made.spec
        assert spec.clusterIP.startswith("10.96.")
        assert list(spec.clusterIPs) == [spec.clusterIP]
        assert (list(spec.ipFamilies), spec.ipFamilyPolicy) == (["IPv4"], "SingleStack")
        assert await claims(world) == {spec.clusterIP: "s"}
        await world.writer.delete(kinds.SERVICE, "default", "s", DeleteOptions())
        assert await claims(world) == {}


@pytest.mark.parametrize(
    ("spec", "families"),
    [
        ({"clusterIP": "None", "selector": SELECTOR}, (["IPv4"], "SingleStack")),
        ({"clusterIP": "None"}, (["IPv4", "IPv6"], "RequireDualStack")),
        ({"type": "ExternalName", "externalName": "example.com"}, ([], "")),
    ],
    ids=["headless", "headless without selector", "a name"],
)
async def test_services_without_an_address(spec: dict[str, Any], families: tuple[list[str], str]) -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80, **spec))
        assert (list(made.spec.ipFamilies), made.spec.ipFamilyPolicy) == families
        assert made.spec.clusterIP == spec.get("clusterIP", "")
        assert await claims(world) == {}


async def test_every_port_of_a_node_port_service_gets_one() -> None:
    async with api_world() as world:
        given = service("s", 80, 443, type="NodePort")
        given.spec.ports.add(name="dns", port=53, protocol="TCP")
        given.spec.ports.add(name="dns-udp", port=53, protocol="UDP")
        made = await create(world, given)
        ports = [port.nodePort for port in made.spec.ports]
        assert all(30_000 <= port <= 32_767 for port in ports)
        assert ports[2] == ports[3]
        assert len(set(ports)) == 3
        assert await claims(world) == dict.fromkeys([made.spec.clusterIP, *map(str, ports)], "s")


async def test_a_load_balancer_has_a_port_for_its_health_check_when_traffic_stays_local() -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80, type="LoadBalancer", externalTrafficPolicy="Local"))
        port = made.spec.healthCheckNodePort
        assert str(port) in await claims(world)
        await replace(world, service("s", 80, type="LoadBalancer"))
        assert str(port) not in await claims(world)
        again = await change(world, "s", externalTrafficPolicy="Local", healthCheckNodePort=31_000)
        assert again.spec.healthCheckNodePort == 31_000
        with pytest.raises(Invalid, match=r"spec\.healthCheckNodePort: .*field is immutable"):
            await change(world, "s", healthCheckNodePort=31_001)
        local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
        with pytest.raises(InternalError, match="failed to allocate requested HealthCheck NodePort 31000: "):
            await create(world, service("o", 80, healthCheckNodePort=31_000, **local))


async def test_load_balancers_that_want_no_node_ports_have_none() -> None:
    async with api_world() as world:
        given = service("s", 80, type="LoadBalancer", allocateLoadBalancerNodePorts=False)
        assert (await create(world, given)).spec.ports[0].nodePort == 0


CHOSEN: dict[str, tuple[dict[str, Any], str]] = {
    "taken address": (
        {"clusterIP": "10.96.0.10"},
        'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP '
        "10.96.0.10: provided IP is already allocated",
    ),
    "address out of range": (
        {"clusterIP": "10.97.0.10"},
        'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.10"]: failed to allocate IP '
        "10.97.0.10: the provided IP (10.97.0.10) is not in the valid range. The range of valid IPs is "
        "10.96.0.0/16",
    ),
    "taken port": (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30_080, "protocol": "TCP"}]},
        'Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already '
        "allocated",
    ),
    "port out of range": (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80, "protocol": "TCP"}]},
        'Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the '
        "valid range. The range of valid ports is 30000-32767",
    ),
    "two families": (
        {"ipFamilyPolicy": "RequireDualStack"},
        'Service "s" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not '
        "configured for dual-stack services",
    ),
    "the other family": (
        {"ipFamilies": ["IPv6"]},
        'Service "s" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ),
}


@pytest.mark.parametrize("dry_run", [False, True], ids=["", "dry run"])
@pytest.mark.parametrize("case", CHOSEN)
async def test_what_cannot_be_had_is_refused_as_kubernetes_does(case: str, dry_run: bool) -> None:
    spec, message = CHOSEN[case]
    async with api_world() as world:
        first = service("first", type="NodePort", clusterIP="10.96.0.10")
        first.spec.ports[0].nodePort = 30_080
        await create(world, first)
        before = await claims(world)
        given = service("s", **spec)
        with pytest.raises(Invalid) as refused:
            await world.api.create(kinds.SERVICE, "default", given, DRY if dry_run else OPTIONS)
        assert refused.value.message == message
        assert await claims(world) == before


async def test_a_rehearsal_shows_an_address_and_claims_nothing() -> None:
    async with api_world() as world:
        given = service("s", 80, type="NodePort")
        shown: Any = (await world.api.create(kinds.SERVICE, "default", given, DRY)).obj
        assert shown.spec.clusterIP
        assert shown.spec.ports[0].nodePort
        assert await claims(world) == {}
        made = await create(world, service("s", 80))
        assert (await replace(world, given, DRY)).spec.ports[0].nodePort
        assert await claims(world) == {made.spec.clusterIP: "s"}


async def test_what_a_change_of_type_needs_no_more_is_given_back() -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80, type="NodePort"))
        port = str(made.spec.ports[0].nodePort)
        assert port in await claims(world)
        plain = await change(world, "s", type="ClusterIP")
        assert plain.spec.ports[0].nodePort == 0
        assert await claims(world) == {made.spec.clusterIP: "s"}
        named = await change(world, "s", type="ExternalName", externalName="example.com")
        assert (named.spec.clusterIP, list(named.spec.ipFamilies)) == ("", [])
        assert await claims(world) == {}
        back = await change(world, "s", type="ClusterIP", externalName=None)
        assert await claims(world) == {back.spec.clusterIP: "s"}


async def test_an_update_keeps_what_it_leaves_out_and_the_address_is_fixed() -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80, type="NodePort"))
        given = service("s", 80, 443, type="NodePort")
        changed = await replace(world, given)
        assert changed.spec.clusterIP == made.spec.clusterIP
        assert list(changed.spec.ipFamilies) == ["IPv4"]
        assert changed.spec.ports[0].nodePort == made.spec.ports[0].nodePort
        assert str(changed.spec.ports[1].nodePort) in await claims(world)
        with pytest.raises(Invalid, match="may not change once set"):
            await change(world, "s", clusterIP="10.96.7.7", clusterIPs=["10.96.7.7"])


async def test_one_service_gives_a_port_to_the_next() -> None:
    async with api_world() as world:
        for name in "abc":
            given = service(name, type="NodePort")
            given.spec.ports[0].nodePort = 30_080
            await create(world, given)
            await world.writer.delete(kinds.SERVICE, "default", name, DeleteOptions())


async def test_a_full_range_is_told_as_kubernetes_tells_it() -> None:
    settings = ApiSettings(service_addresses="10.0.0.0/30", node_ports=(30_000, 30_000))
    async with api_world(settings=settings) as world:
        await create(world, service("a", type="NodePort"))
        with pytest.raises(InternalError, match="failed to allocate a nodePort: range is full"):
            await create(world, service("b", type="NodePort"))
        await create(world, service("b"))
        with pytest.raises(InternalError, match="failed to allocate a serviceIP: range is full"):
            await create(world, service("c"))


async def test_a_guess_that_another_process_had_too_is_made_again() -> None:
    settings = ApiSettings(service_addresses="10.0.0.0/29")
    async with api_world(settings=settings) as world:
        for number in range(1, 6):
            await world.store.write([Write(f"{CLAIMS}addresses/10.0.0.{number}", b"x/y/z", ABSENT)])
        assert (await create(world, service("s"))).spec.clusterIP == "10.0.0.6"


async def test_batches_claim_too() -> None:
    settings = ApiSettings(service_addresses="10.0.0.0/24")
    async with api_world(settings=settings) as world:
        new = [NewObject(kinds.SERVICE, "default", service(f"s{n}"), OPTIONS) for n in range(60)]
        results: list[Any] = await world.api.create_all(new)
        assert all(isinstance(result, Result) for result in results), results
        assert await claims(world) == {r.obj.spec.clusterIP: r.obj.metadata.name for r in results}
        assert len({result.obj.spec.clusterIP for result in results}) == 60


async def repaired(world: ApiWorld) -> dict[str, str]:
    await AllocationRepair(world.objects, world.api.storage, random.Random(1)).once()
    return await claims(world)


async def test_the_repair_gives_back_what_nobody_holds_and_claims_what_is_held() -> None:
    async with api_world() as world:
        made = await create(world, service("s", 80))
        kept = made.spec.clusterIP
        key = f"{CLAIMS}addresses/{kept}"
        old = f"default/s/{made.metadata.uid}".encode()
        await world.store.write(
            [
                Write(f"{CLAIMS}addresses/10.96.9.9", b"default/gone/uid", ABSENT),
                Write(f"{CLAIMS}addresses/10.96.9.8", old, ABSENT),
                Write(f"{CLAIMS}ports/30001", b"default/s/another-uid", ABSENT),
            ]
        )
        assert await repaired(world) == {kept: "s"}
        await world.store.write([Write(key, None, None)])
        assert await repaired(world) == {kept: "s"}


async def test_services_without_claims_are_changed_and_deleted_like_any() -> None:
    """A service that is older than claims."""
    async with api_world() as world:
        made = await create(world, service("s", 80))
        await world.store.write([Write(f"{CLAIMS}addresses/{made.spec.clusterIP}", None, None)])
        await change(world, "s", sessionAffinity="ClientIP")
        await world.writer.delete(kinds.SERVICE, "default", "s", DeleteOptions())
        with pytest.raises(ApiError):
            await world.api.get(kinds.SERVICE, "default", "s")

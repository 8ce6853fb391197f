"""Events that programs write: counted when they are said again."""

from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.api import ManualClock
from tests.support.served import served_api


async def test_what_is_said_again_is_counted() -> None:
    clock = ManualClock(1000.0)
    async with served_api() as api, Client.connect([api.address], field_manager="painter") as client:
        client.clock = clock
        made = await client.create(core.ConfigMap(metadata=meta.ObjectMeta(name="wall", namespace="default")))
        await client.record(made, "Painted", "It is green now")
        clock.time = 1060.0
        again = await client.record(made, "Painted", "It is green now")
        other = await client.record(made, "Dripped", "The floor too", type="Warning")
        listed = await client.list(
            core.Event, "default", fields="involvedObject.kind=ConfigMap,involvedObject.name=wall"
        )
        assert sorted((event.reason, event.type, event.count) for event in listed.items) == [
            ("Dripped", "Warning", 1),
            ("Painted", "Normal", 2),
        ]
        assert (again.firstTimestamp.seconds, again.lastTimestamp.seconds) == (1000, 1060)
        assert other.source.component == "painter"
        assert other.involvedObject.uid == made.metadata.uid


async def test_objects_without_a_namespace_have_their_events_in_default() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        node = await client.create(core.Node(metadata=meta.ObjectMeta(name="alpha")))
        event = await client.record(node, "Rebooted", "It was switched off")
        assert event.metadata.namespace == "default"

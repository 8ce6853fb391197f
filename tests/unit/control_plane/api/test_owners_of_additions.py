"""Who creates an object owns what they wrote and its defaults, not what admission and the server add."""

from typing import Any

from control_plane.api.patching import field_sets
from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from tests.support.api import OPTIONS, api_world


async def owned(kind: Kind, spec: dict[str, Any]) -> tuple[Any, list[str]]:
    """What is created, and the paths that its creator owns."""
    async with api_world() as world:
        obj = codec.from_dict({"metadata": {"name": "obj"}, "spec": spec}, kind.message)
        created: Any = (await world.api.create(kind, "default", obj, OPTIONS)).obj
        (entry,) = codec.to_dict(created)["metadata"]["managedFields"]
        return created, list(field_sets.paths(entry["fieldsV1"]))


async def test_tolerations_of_a_pod_are_nobodys() -> None:
    pod, paths = await owned(kinds.POD, {"containers": [{"name": "c", "image": "i:1"}]})

    assert pod.spec.tolerations
    assert pod.spec.HasField("priority")
    assert ".spec.restartPolicy" in paths  # a default
    assert not [path for path in paths if "toleration" in path or "priority" in path]


async def test_the_second_name_of_an_address_is_nobodys() -> None:
    service, paths = await owned(kinds.SERVICE, {"clusterIP": "None", "ports": [{"port": 80}]})

    assert list(service.spec.clusterIPs) == ["None"]
    assert ".spec.clusterIP" in paths
    assert ".spec.clusterIPs" not in paths

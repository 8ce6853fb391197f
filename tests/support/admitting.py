"""Objects of a few words, written through the API, for tests of admission."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from knarr.api import codec
from knarr.api.kinds import of
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.api import OPTIONS, ApiWorld

M = TypeVar("M", bound=Message)


def made(kind: type[M], name: str, namespace: str = "default", **parts: Any) -> M:
    """An object of these parts, as JSON has them."""
    own = {"name": name, **({"namespace": namespace} if namespace else {}), **parts.pop("metadata", {})}
    return codec.from_dict({"metadata": own, **parts}, kind)


def container(name: str = "c", /, **resources: Any) -> dict[str, Any]:
    """A container with `requests` and `limits`."""
    return {"name": name, "image": "i:1", "resources": resources}


def pod_of(name: str, *containers: dict[str, Any], **spec: Any) -> core.Pod:
    """A pod of these containers; one without resources when there are none."""
    return made(core.Pod, name, spec={"containers": list(containers or (container(),)), **spec})


def limit_range(*items: dict[str, Any], name: str = "limits") -> core.LimitRange:
    return made(core.LimitRange, name, spec={"limits": list(items)})


async def create(world: ApiWorld, obj: M) -> M:
    """Through the API, with defaults and all."""
    kind = of(obj)
    namespace = obj.metadata.namespace  # type: ignore[attr-defined]  # every served kind has it
    return cast(M, (await world.api.create(kind, namespace, obj, OPTIONS)).obj)


def quota(name: str, /, hard: Mapping[str, str], **spec: Any) -> core.ResourceQuota:
    """A quota of these amounts."""
    return made(core.ResourceQuota, name, spec={"hard": dict(hard), **spec})


def service(name: str, /, *ports: int, **spec: Any) -> core.Service:
    listed = [{"name": f"p{port}", "port": port, "protocol": "TCP"} for port in ports or (80,)]
    return made(core.Service, name, spec={"ports": listed, **spec})


def claim(name: str, storage: str = "1Gi", /, **spec: Any) -> core.PersistentVolumeClaim:
    requests = {"requests": {"storage": storage}}
    return made(
        core.PersistentVolumeClaim,
        name,
        spec={"accessModes": ["ReadWriteOnce"], "resources": requests, **spec},
    )

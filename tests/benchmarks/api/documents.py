"""What the benchmark of the API writes: a pod as people have it, as JSON and as a message."""

import copy
import json
from functools import lru_cache
from typing import Any

from knarr.api import codec
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire

NAMESPACE = "default"
PODS = wire.Reference(api_version="v1", kind="Pod", namespace=NAMESPACE)
_DOCUMENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": NAMESPACE, "labels": {"app": "web", "tier": "front"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.25",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "MODE", "value": "fast"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                },
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
            }
        ]
    },
}


def document(name: str, image: str = "nginx:1.25") -> bytes:
    """A pod as JSON."""
    made = copy.deepcopy(_DOCUMENT)
    made["metadata"]["name"] = name
    made["spec"]["containers"][0]["image"] = image
    return json.dumps(made).encode()


def pod(name: str, image: str = "nginx:1.25") -> core.Pod:
    """The same as a message."""
    made = core.Pod()
    made.CopyFrom(_template(image))
    made.metadata.name = name
    return made


@lru_cache(maxsize=16)
def _template(image: str) -> core.Pod:
    return codec.from_json(document("template", image), core.Pod).strict()


def create_request(name: str, *, own_spec: bool = False) -> wire.CreateRequest:
    """What creates one; with a spec that no other pod has, if it is to be its own."""
    made = pod(name)
    if own_spec:
        made.spec.containers[0].env[0].value = name
    body = wire.Body(protobuf=made.SerializeToString())
    return wire.CreateRequest(reference=PODS, body=body, options=wire.WriteOptions(field_manager="bench"))

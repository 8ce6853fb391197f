"""What the benchmark of the API writes: a pod as people have it, as JSON and as a message."""

import copy
import json
from typing import Any

from knarr.api import codec
from knarr.proto.kubernetes import core_v1_pb2 as core

NAMESPACE = "default"
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


def pod(name: str) -> core.Pod:
    """The same as a message."""
    return codec.from_json(document(name), core.Pod).strict()

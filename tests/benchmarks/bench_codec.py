"""How fast objects pass the codec: plain values to messages, back, and from YAML text; one thread.

`codec.<object>_in.per_s`: a dict as a YAML or JSON parser gives it, to a message.
`codec.<object>_out.per_s`: a message to a dict with apiVersion and kind.
`codec.yaml_in.per_s`: the YAML text of a Deployment to a message.
`codec.envelope_in.per_s`: a Deployment as the protobuf body of a Kubernetes client, to a message.
`..._ratio`: to what protobuf's json_format, or PyYAML's own loader, does with the same in the same run.
"""

import gc
import time
from collections.abc import Callable
from typing import Any, Final

import yaml
from google.protobuf import json_format
from google.protobuf.message import Message

from knarr.api import codec, envelope, manifest
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

Report = Callable[..., None]
_SECONDS: Final = 1.0
_ROUNDS: Final = 3

DEPLOYMENT_YAML: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web, tier: front}
  annotations: {team: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: web
          image: nginx:1.14.2
          args: ["-g", "daemon off;"]
          ports:
            - {name: http, containerPort: 80, protocol: TCP}
          env:
            - {name: MODE, value: production}
            - name: PASSWORD
              valueFrom:
                secretKeyRef: {name: database, key: password}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {cpu: 500m, memory: 128Mi}
          readinessProbe:
            httpGet: {path: /ready, port: http}
            periodSeconds: 5
          volumeMounts:
            - {name: config, mountPath: /etc/web, readOnly: true}
      volumes:
        - name: config
          configMap: {name: web}
"""


def _pod() -> dict[str, Any]:
    """A running Pod of the Deployment, as a server has it."""
    template = yaml.safe_load(DEPLOYMENT_YAML)["spec"]["template"]
    moment = "2026-01-31T08:00:00Z"
    container = {
        "name": "web",
        "image": "nginx:1.14.2",
        "imageID": "sha256:0123",
        "containerID": "docker://4567",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": moment}},
    }
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": moment}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "name": "web-5d4f8c7b9-x2x7k",
            "namespace": "shop",
            "uid": "0b9e0f6e-2a4e-4b0e-9f0f-3d1c2b4a5968",
            "creationTimestamp": moment,
        },
        "spec": {**template["spec"], "nodeName": "node-17"},
        "status": {
            "phase": "Running",
            "podIP": "10.1.2.3",
            "startTime": moment,
            "conditions": conditions,
            "containerStatuses": [container],
        },
    }


def _rate(once: Callable[[], object]) -> float:
    """Calls per second, the best of some rounds."""
    once()
    return max(_round(once) for _ in range(_ROUNDS))


def _round(once: Callable[[], object]) -> float:
    count, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < _SECONDS:
        for _ in range(50):
            once()
        count += 50
    return count / passed


def run(report: Report) -> None:
    """All figures; `report(name, value, unit, **params)`."""
    gc.collect()
    deployment = yaml.safe_load(DEPLOYMENT_YAML)
    for name, value, kind in (("deployment", deployment, apps.Deployment), ("pod", _pod(), core.Pod)):
        _both_ways(report, name, value, kind)
    yaml_rate = _rate(lambda: manifest.read_text(DEPLOYMENT_YAML)[0].decode().strict())
    report("codec.yaml_in.per_s", yaml_rate, "objects/s", bytes=len(DEPLOYMENT_YAML))
    stock = _rate(lambda: yaml.load(DEPLOYMENT_YAML, Loader=yaml.CSafeLoader))
    report("codec.yaml_in.stock_loader_ratio", yaml_rate / stock, "x", per_s=round(stock))
    body = envelope.write(codec.from_dict(deployment, apps.Deployment))
    report("codec.envelope_in.per_s", _rate(lambda: envelope.read(body)), "objects/s", bytes=len(body))


def _both_ways(report: Report, name: str, value: dict[str, Any], kind: type[Message]) -> None:
    message = codec.from_dict(value, kind)
    size = message.ByteSize()
    into = _rate(lambda: codec.from_dict(value, kind))
    out = _rate(lambda: codec.object_to_dict(message))
    report(f"codec.{name}_in.per_s", into, "objects/s", bytes=size)
    report(f"codec.{name}_out.per_s", out, "objects/s", bytes=size)
    # json_format reads and writes the schema's own form, in which quantities and times are objects.
    plain = json_format.MessageToDict(message)
    stock_in = _rate(lambda: json_format.ParseDict(plain, kind()))
    stock_out = _rate(lambda: json_format.MessageToDict(message))
    report(f"codec.{name}_in.json_format_ratio", into / stock_in, "x", per_s=round(stock_in))
    report(f"codec.{name}_out.json_format_ratio", out / stock_out, "x", per_s=round(stock_out))

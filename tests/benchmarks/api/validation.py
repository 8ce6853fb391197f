"""Rules and defaults alone: Deployments with their defaults set and found valid, one thread."""

import copy
import time
from typing import Any

import yaml
from google.protobuf.message import Message

from control_plane.api.rules import default_object, validate_create
from knarr.api import codec
from knarr.api.kinds import DEPLOYMENT
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from tests.benchmarks.bench_codec import DEPLOYMENT_YAML
from tests.support.bench import Report

COUNT = 5_000
STARTS = (0, 10_000, 20_000)  # of the rounds: none has an object of another


def run(report: Report) -> None:
    document: dict[str, Any] = yaml.safe_load(DEPLOYMENT_YAML)
    for specs in ("equal", "distinct"):
        own = specs == "distinct"
        rounds = ([_made(document, first + at, own_spec=own) for at in range(COUNT)] for first in STARTS)
        best_s = min(map(_taken, rounds))
        params = {"kind": "Deployment", "specs": specs, "transport": "none"}
        report("api.validate.per_s", COUNT / best_s, "per s", **params)


def _made(document: dict[str, Any], number: int, *, own_spec: bool) -> Message:
    own = copy.deepcopy(document)
    own["metadata"]["name"] = f"web-{number}"
    if own_spec:
        own["spec"]["template"]["spec"]["containers"][0]["image"] = f"nginx:{number}"
    return codec.from_dict(own, apps.Deployment)


def _taken(objects: list[Message]) -> float:
    """Seconds for defaults and validation of all, in place."""
    began = time.perf_counter()
    for obj in objects:
        default_object(DEPLOYMENT, obj)
        causes = validate_create(DEPLOYMENT, obj)
        assert not causes, causes
    return time.perf_counter() - began

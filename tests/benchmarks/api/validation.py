"""Defaults and rules alone: Deployments filled in, and found valid, one thread."""

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
        rounds = [
            _taken([_made(document, first + at, own_spec=own) for at in range(COUNT)]) for first in STARTS
        ]
        params = {"kind": "Deployment", "specs": specs, "transport": "none"}
        report("api.default.per_s", COUNT / min(default_s for default_s, _ in rounds), "per s", **params)
        report("api.validate.per_s", COUNT / min(valid_s for _, valid_s in rounds), "per s", **params)


def _made(document: dict[str, Any], number: int, *, own_spec: bool) -> Message:
    own = copy.deepcopy(document)
    own["metadata"]["name"] = f"web-{number}"
    if own_spec:
        own["spec"]["template"]["spec"]["containers"][0]["image"] = f"nginx:{number}"
    return codec.from_dict(own, apps.Deployment)


def _taken(objects: list[Message]) -> tuple[float, float]:
    """Seconds of CPU for the defaults of all, in place, and for their validation."""
    began = time.process_time()
    for obj in objects:
        default_object(DEPLOYMENT, obj)
    filled = time.process_time()
    causes = [cause for obj in objects for cause in validate_create(DEPLOYMENT, obj)]
    ended = time.process_time()
    assert not causes, causes[0]
    return filled - began, ended - filled

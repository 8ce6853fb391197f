"""What is applied of a message: what is set in it, and nothing else."""

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import Phase, given, settings

from knarr.api import codec
from knarr.api.kinds import KINDS, Kind
from knarr.client.set_fields import set_fields
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.generate import messages

FEW = settings(max_examples=3, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


def deployment() -> apps.Deployment:
    made = apps.Deployment(metadata=meta.ObjectMeta(name="web"))
    made.spec.replicas = 0
    pod = made.spec.template.spec
    pod.containers.add(name="c").env.add(name="A")
    pod.volumes.add(name="scratch").volumeSource.emptyDir.SetInParent()
    return made


def test_just_what_is_set() -> None:
    assert set_fields(deployment()) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "template": {
                "spec": {
                    "volumes": [{"name": "scratch", "emptyDir": {}}],
                    "containers": [{"name": "c", "env": [{"name": "A"}]}],
                }
            },
        },
    }


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(core.ConfigMap(), {}, id="nothing"),
        pytest.param(core.ConfigMap(data={"a": ""}), {"data": {"a": ""}}, id="an empty value of a map"),
        pytest.param(core.ConfigMap(binaryData={"a": b"\0"}), {"binaryData": {"a": "AA=="}}, id="bytes"),
        pytest.param(core.ConfigMap(immutable=False), {"immutable": False}, id="an optional zero"),
    ],
)
def test_small_ones(made: core.ConfigMap, expected: dict[str, Any]) -> None:
    assert set_fields(made) == {"apiVersion": "v1", "kind": "ConfigMap", **expected}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_nothing_that_is_set_is_lost(kind: Kind) -> None:
    @FEW
    @given(messages(kind.message, full=False))
    def same(original: Message) -> None:
        assert codec.from_dict(set_fields(original), kind.message) == original

    same()

"""What a pod says of itself."""

import pytest

from knarr.api.pods import is_finished, sidecars
from knarr.proto.kubernetes import core_v1_pb2 as core


@pytest.mark.parametrize("phase", ["", "Pending", "Running", "Unknown", "Succeeded", "Failed"])
def test_phases_that_a_pod_never_leaves(phase: str) -> None:
    assert is_finished(core.Pod(status=core.PodStatus(phase=phase))) == (phase in ("Succeeded", "Failed"))


def test_sidecars_are_init_containers_that_are_always_restarted() -> None:
    pod = core.Pod()
    pod.spec.containers.add(name="main")
    pod.spec.initContainers.add(name="first")
    pod.spec.initContainers.add(name="side", restartPolicy="Always")
    assert sidecars(pod) == {"side"}

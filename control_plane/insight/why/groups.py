"""What is the matter with a PodGroup: how many of its pods have nodes. Pure."""

from collections.abc import Sequence

from control_plane.insight.why.answers import blank
from control_plane.insight.why.workloads import worst_of
from knarr.api.kinds import POD_GROUP
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from knarr.proto.services import insight_service_pb2 as wire


def pod_group(obj: scheduling.PodGroup, pods: Sequence[core.Pod]) -> tuple[wire.WhyResponse, core.Pod | None]:
    """A group, and the pod of it that is to be asked about. `pods`: those that name it and have not ended."""
    answer = blank(POD_GROUP, obj)
    policy = obj.spec.schedulingPolicy
    least = policy.gang.minCount if policy.HasField("gang") else 0
    placed = [pod for pod in pods if pod.spec.nodeName]
    waiting = [pod for pod in pods if not pod.spec.nodeName]
    needed = f", and it gets nodes for {least} at once or for none" if least else ""
    if not pods:
        answer.verdict = wire.IDLE
        answer.summary = f"no pod has spec.schedulingGroup.podGroupName {obj.metadata.name}"
        return answer, None
    answer.summary = f"{len(placed)} of {len(pods)} pods that name it have nodes{needed}"
    if waiting:
        answer.verdict = wire.STUCK
        return answer, worst_of(waiting)
    answer.verdict = wire.WELL if len(placed) >= least else wire.STUCK
    return answer, worst_of(placed)

"""What people deploy in a story."""

from knarr.api.codec import from_dict
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling


def group(name: str, at_least: int) -> scheduling.PodGroup:
    """A gang."""
    made = scheduling.PodGroup()
    made.metadata.name, made.metadata.namespace = name, "default"
    made.spec.schedulingPolicy.gang.minCount = at_least
    made.spec.scheduleTimeoutSeconds = 20
    return made


def made(name: str, replicas: int, image: str) -> apps.Deployment:
    """A deployment whose pods ask for 200 millis of CPU each."""
    value = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 2,
                    "containers": [{"name": "c", "image": image, "resources": {"requests": {"cpu": "200m"}}}],
                },
            },
        },
    }
    return from_dict(value, apps.Deployment)

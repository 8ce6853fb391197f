"""What the control plane has assigned to this node, put together from full messages and changes."""

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire


class CurrentAssignment:
    """The node's pods and what they refer to. It owns the messages that it was given."""

    def __init__(self) -> None:
        self.pods: dict[str, core.Pod] = {}  # by uid
        self.config_maps: dict[str, core.ConfigMap] = {}  # by "namespace/name"
        self.secrets: dict[str, core.Secret] = {}

    def apply(self, message: wire.Assignment) -> bool:
        """Take a message in; whether a ConfigMap or Secret was touched."""
        if message.full:
            self.pods, self.config_maps, self.secrets = {}, {}, {}
        for key in message.removed_pods:
            self.pods.pop(key.uid, None)
        for pod in message.pods:
            self.pods[pod.metadata.uid] = pod
        for name in message.removed_config_maps:
            self.config_maps.pop(name, None)
        for name in message.removed_secrets:
            self.secrets.pop(name, None)
        for config_map in message.config_maps:
            self.config_maps[f"{config_map.metadata.namespace}/{config_map.metadata.name}"] = config_map
        for secret in message.secrets:
            self.secrets[f"{secret.metadata.namespace}/{secret.metadata.name}"] = secret
        return message.full or any(
            (message.config_maps, message.secrets, message.removed_config_maps, message.removed_secrets)
        )

    def message(self) -> wire.Assignment:
        """All of it as one full message."""
        return wire.Assignment(
            full=True,
            pods=self.pods.values(),
            config_maps=self.config_maps.values(),
            secrets=self.secrets.values(),
        )

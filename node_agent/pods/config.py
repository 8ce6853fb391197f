"""The ConfigMaps and Secrets that the node's pods refer to, as the control plane last sent them."""

from collections.abc import Iterable

from knarr.proto.kubernetes import core_v1_pb2 as core


class ConfigError(Exception):
    """A container cannot be made from its spec as things stand (CreateContainerConfigError)."""


class ConfigStore:
    """Looked up by namespace and name."""

    def __init__(self) -> None:
        self._config_maps: dict[tuple[str, str], core.ConfigMap] = {}
        self._secrets: dict[tuple[str, str], core.Secret] = {}

    def replace(self, config_maps: Iterable[core.ConfigMap], secrets: Iterable[core.Secret]) -> None:
        """Hold these and no others."""
        self._config_maps = {(o.metadata.namespace, o.metadata.name): o for o in config_maps}
        self._secrets = {(o.metadata.namespace, o.metadata.name): o for o in secrets}

    def config_map(self, namespace: str, name: str, *, optional: bool) -> dict[str, bytes] | None:
        """Its data, binaryData included; None when it is absent and optional. Raises ConfigError."""
        found = self._config_maps.get((namespace, name))
        if found is None:
            if optional:
                return None
            raise ConfigError(f'configmap "{name}" not found')
        return {**{key: value.encode() for key, value in found.data.items()}, **found.binaryData}

    def secret(self, namespace: str, name: str, *, optional: bool) -> dict[str, bytes] | None:
        """Its data; None when it is absent and optional. Raises ConfigError."""
        found = self._secrets.get((namespace, name))
        if found is None:
            if optional:
                return None
            raise ConfigError(f'secret "{name}" not found')
        return dict(found.data)

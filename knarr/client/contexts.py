"""Contexts: which clusters this person talks to, kept in $XDG_CONFIG_HOME/knarr/config.yaml.

current-context: local
contexts:
  local:
    servers: ["127.0.0.1:7443"]
    namespace: default
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

DEFAULT_NAMESPACE = "default"


class ContextError(Exception):
    """The context that is asked for cannot be had; the text says why."""


class NoContext(ContextError):
    """It does not exist, or none was chosen."""


@dataclass(frozen=True, slots=True)
class Context:
    """One cluster and the namespace meant when none is given."""

    servers: tuple[str, ...]
    namespace: str = DEFAULT_NAMESPACE


@dataclass(frozen=True, slots=True)
class Config:
    """The file's content."""

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def with_context(self, name: str, context: Context) -> "Config":
        """The config with this context added and made the current one."""
        return replace(self, current=name, contexts={**self.contexts, name: context})

    def without_context(self, name: str) -> "Config":
        """The config with this context removed."""
        contexts = {key: value for key, value in self.contexts.items() if key != name}
        current = self.current if self.current != name else next(iter(sorted(contexts)), "")
        return Config(current, contexts)


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """$KNARR_CONFIG, else below $XDG_CONFIG_HOME; as root without XDG: /etc/knarr/config.yaml."""
    if named := environ.get("KNARR_CONFIG"):
        return Path(named)
    if home := environ.get("XDG_CONFIG_HOME"):
        return Path(home) / "knarr" / "config.yaml"
    if os.geteuid() == 0:
        return Path("/etc/knarr/config.yaml")
    return Path.home() / ".config" / "knarr" / "config.yaml"


def load(path: Path) -> Config:
    """The config in a file; empty when there is none. Raises ContextError for one that cannot be read."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ContextError(f"cannot read {path}: {error.strerror}") from error
    try:
        content: Any = yaml.safe_load(text) or {}
        contexts = {
            name: Context(tuple(value["servers"]), value.get("namespace", DEFAULT_NAMESPACE))
            for name, value in (content.get("contexts") or {}).items()
        }
        return Config(content.get("current-context", ""), contexts)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ContextError(f"{path} is no Knarr config: {error}") from error


def save(config: Config, path: Path) -> None:
    """Replace the file atomically; readable by its owner alone."""
    content = {
        "current-context": config.current,
        "contexts": {
            name: {"servers": list(context.servers), "namespace": context.namespace}
            for name, context in sorted(config.contexts.items())
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        yaml.safe_dump(content, file, sort_keys=False)
    os.replace(temporary, path)


def choose(config: Config, name: str | None = None, server: str | None = None) -> Context:
    """The context to use: the one named, else the current one; `server` ("host:port[,host:port]") overrides
    its addresses. Raises NoContext."""
    wanted = name or config.current
    context = config.contexts.get(wanted)
    if name and context is None:
        known = ", ".join(sorted(config.contexts)) or "none"
        raise NoContext(f'there is no context "{name}"; known: {known}')
    if server:
        servers = tuple(part.strip() for part in server.split(",") if part.strip())
        return replace(context or Context(servers), servers=servers)
    if context is None:
        raise NoContext(
            "no cluster is configured: `knarr up` starts one on this machine, "
            "or name one with --server HOST:PORT"
        )
    return context

"""The contexts of the client library (knarr.client.contexts) with Failures as errors, and the command line's
own folder."""

import os
from collections.abc import Mapping
from pathlib import Path

from knarr.cli.failure import USAGE, Failure
from knarr.client import contexts
from knarr.client.contexts import (
    DEFAULT_NAMESPACE,
    Config,
    Context,
    ContextError,
    NoContext,
    config_path,
    save,
)

__all__ = ["DEFAULT_NAMESPACE", "Config", "Context", "choose", "config_path", "load", "save", "state_dir"]


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a cluster on this machine keeps its data, logs and process ids."""
    if home := environ.get("XDG_STATE_HOME"):
        return Path(home) / "knarr"
    if os.geteuid() == 0:
        return Path("/var/lib/knarr")
    return Path.home() / ".local" / "state" / "knarr"


def load(path: Path) -> Config:
    """The config in a file; empty when there is none. Raises Failure for one that cannot be read."""
    try:
        return contexts.load(path)
    except ContextError as error:
        raise Failure(str(error)) from error


def choose(config: Config, name: str | None, server: str | None) -> Context:
    """The context to use; `server` ("host:port[,host:port]") overrides its addresses. Raises Failure."""
    try:
        return contexts.choose(config, name, server)
    except NoContext as error:
        raise Failure(str(error), USAGE) from error

"""Reads a file of profiles: kind KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1.

Everything that is wrong is said at once, by path. What kube-scheduler has and Knarr has no use for is a
warning, so that a file that works there works here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.scheduler.configuration.checks import check_args
from control_plane.scheduler.configuration.merging import ALL, merged
from control_plane.scheduler.configuration.plugins import (
    CANNOT_GO,
    PLUGINS,
    PREEMPTION,
    preemption_rules,
)
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.profiles import DEFAULT
from knarr.api.codec import decode
from knarr.api.errors import DecodeError, ManifestError, Problem, show
from knarr.api.suggest import nearest
from knarr.api.yaml_values import read_documents
from knarr.proto.settings import kubescheduler_v1_pb2 as messages

API_VERSION: Final = "kubescheduler.config.k8s.io/v1"
KIND: Final = "KubeSchedulerConfiguration"
_MEANINGLESS: Final = ("clientConnection", "leaderElection", "enableProfiling", "enableContentionProfiling")


class ConfigurationError(ValueError):
    """The file cannot be used; one line for each thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file says. The first profile is that of pods that name none, if none is called
    default-scheduler."""

    profiles: tuple[Profile, ...] = (DEFAULT,)
    backoff_first_s: float | None = None
    backoff_most_s: float | None = None
    warnings: tuple[str, ...] = ()
    text: str = ""  # the file itself; "" for the default


def read_configuration(text: str, file: str) -> Configuration:
    """Raises ConfigurationError with everything that is wrong."""
    try:
        documents = [document.value for document in read_documents(text, file) if document.value is not None]
    except ManifestError as error:
        raise ConfigurationError(str(error)) from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ConfigurationError(f"{file}: expected one document of kind {KIND}")
    reader = _Reader()
    configuration = reader.configuration(documents[0])
    if reader.problems:
        raise ConfigurationError("\n".join(f"{file}: {problem}" for problem in reader.problems))
    return replace(configuration, text=text)


class _Reader:
    """Collects what is wrong and what means nothing."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._warnings: list[str] = []

    def configuration(self, document: dict[str, Any]) -> Configuration:
        document = dict(document)
        for key, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
            given = document.pop(key, None)
            if given != expected:
                self.problems.append(Problem(key, given, f"expected {expected}, got {show(given)}"))
        for key in _MEANINGLESS:
            if document.pop(key, None) is not None:
                self._warnings.append(f"{key}: means nothing here")
        args = self._take_args(document)
        message = self._decoded(document, messages.KubeSchedulerConfiguration, "")
        profiles = [
            self._profile(profile, args.get(number, {}), f"profiles[{number}]")
            for number, profile in enumerate(message.profiles)
        ]
        self._check_names(message)
        if message.HasField("parallelism"):
            self._warnings.append("parallelism: means nothing here: all nodes are looked at at once")
        if message.HasField("percentageOfNodesToScore"):
            self._warnings.append("percentageOfNodesToScore: means nothing here: every node is looked at")
        has = message.HasField
        first = float(message.podInitialBackoffSeconds) if has("podInitialBackoffSeconds") else None
        most = float(message.podMaxBackoffSeconds) if has("podMaxBackoffSeconds") else None
        for name, value in (("podInitialBackoffSeconds", first), ("podMaxBackoffSeconds", most)):
            if value is not None and value <= 0:
                self.problems.append(Problem(name, value, "must be above 0"))
        return Configuration(tuple(profiles) or (DEFAULT,), first, most, tuple(self._warnings))

    def _take_args(self, document: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """By profile and plugin, the args, which belong to messages of their own; they are taken out."""
        found: dict[int, dict[str, Any]] = {}
        profiles = document.get("profiles")
        if not isinstance(profiles, list):
            return found
        document["profiles"] = profiles = [dict(p) if isinstance(p, dict) else p for p in profiles]
        for number, profile in enumerate(profiles):
            rows = profile.get("pluginConfig") if isinstance(profile, dict) else None
            if not isinstance(rows, list):
                continue
            profile["pluginConfig"] = rows = [dict(row) if isinstance(row, dict) else row for row in rows]
            for place, row in enumerate(rows):
                if isinstance(row, dict):
                    path = f"profiles[{number}].pluginConfig[{place}].args"
                    found.setdefault(number, {})[str(row.get("name"))] = (path, row.pop("args", None))
        return found

    def _decoded(self, value: Any, message: type[Message], path: str) -> Any:
        try:
            decoded = decode(value, message, path)
        except DecodeError as error:
            self.problems += error.problems
            return message()
        self.problems += decoded.unknown
        return decoded.message

    def _profile(self, profile: messages.KubeSchedulerProfile, args: dict[str, Any], path: str) -> Profile:
        plugins = profile.plugins
        self._check_plugins(profile, path)
        arguments = {name: self._arguments(name, *given) for name, given in args.items() if name in PLUGINS}

        def made(name: str) -> Any:
            row = PLUGINS[name]
            return arguments.get(name) or (row.args() if row.args else None)

        at_filter = [(name, PLUGINS[name].filter) for name, _ in self._at(plugins, "filter")]
        at_score = [(name, PLUGINS[name].score, weight) for name, weight in self._at(plugins, "score")]
        filters = tuple(make(made(name)) for name, make in at_filter if make is not None)
        scores = tuple((make(made(name)), weight) for name, make, weight in at_score if make is not None)
        preempts = any(name == PREEMPTION for name, _ in self._at(plugins, "postFilter"))
        rules = preemption_rules(made(PREEMPTION)) if preempts else None
        return Profile(profile.schedulerName or DEFAULT.name, filters, scores, rules)

    def _at(self, plugins: messages.Plugins, point: str) -> tuple[tuple[str, int], ...]:
        defaults = [(name, row.weight) for name, row in PLUGINS.items() if _is_at(name, point)]
        return merged(defaults, plugins.multiPoint, getattr(plugins, point))

    def _arguments(self, name: str, path: str, value: Any) -> Any:
        message = PLUGINS[name].args
        if value is None or message is None:
            if value is not None and message is None:
                self.problems.append(Problem(path, value, f"{name} takes no args"))
            return None
        value = dict(value) if isinstance(value, dict) else value
        if isinstance(value, dict):
            value.pop("apiVersion", None)
            value.pop("kind", None)
        decoded = self._decoded(value, message, path)
        self.problems += check_args(decoded, path)
        return decoded

    def _check_plugins(self, profile: messages.KubeSchedulerProfile, path: str) -> None:
        for point, change in profile.plugins.ListFields():
            for kind in ("enabled", "disabled"):
                for number, row in enumerate(getattr(change, kind)):
                    here = f"{path}.plugins.{point.name}.{kind}[{number}].name"
                    self.problems += _named(row.name, here, may_be_all=kind == "disabled")
                    if kind == "disabled" and row.name in CANNOT_GO:
                        self.problems.append(Problem(here, row.name, f"{row.name} cannot be disabled"))
                    if not 0 <= row.weight <= 100:
                        where = here.removesuffix("name") + "weight"
                        self.problems.append(Problem(where, row.weight, "must be between 0 and 100"))
        for number, config in enumerate(profile.pluginConfig):
            self.problems += _named(config.name, f"{path}.pluginConfig[{number}].name", may_be_all=False)

    def _check_names(self, message: messages.KubeSchedulerConfiguration) -> None:
        seen: set[str] = set()
        for number, profile in enumerate(message.profiles):
            name = profile.schedulerName or DEFAULT.name
            if name in seen:
                path = f"profiles[{number}].schedulerName"
                self.problems.append(Problem(path, name, f"another profile is called {name} too"))
            seen.add(name)


def _named(name: str, path: str, may_be_all: bool) -> Iterator[Problem]:
    if name not in PLUGINS and not (may_be_all and name == ALL):
        known = nearest(name, PLUGINS)
        hint = f"did you mean {known}?" if known else f"known are {', '.join(PLUGINS)}"
        yield Problem(path, name, f"{show(name)} is not a plugin", hint)


def _is_at(name: str, point: str) -> bool:
    row = PLUGINS[name]
    match point:
        case "filter":
            return row.filter is not None
        case "score":
            return row.score is not None
    return name == PREEMPTION

"""How people name things on the command line: `pods web`, `pod/web deploy/api`, `po,rs`, `all`."""

from collections.abc import Sequence
from dataclasses import dataclass

from knarr.api import kinds
from knarr.api.kinds import KINDS, Kind
from knarr.api.suggest import nearest
from knarr.cli.failure import FAILED, USAGE, Failure

# What `get all` shows, as kubectl.
ALL = (
    "Pod",
    "ReplicationController",
    "Service",
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "CronJob",
    "Job",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A kind and, if given, the name of one object."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        """ "deployment.apps/web", as kubectl prints names."""
        group = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.singular}{group}/{self.name}"


def find_kind(alias: str) -> Kind:
    """The kind of that name; raises Failure with the nearest known one."""
    kind = kinds.find_alias(alias) or kinds.find_alias(alias.lower())
    if kind is not None:
        return kind
    near = nearest(
        alias, [name for kind in KINDS for name in (kind.plural, kind.singular, *kind.short_names)]
    )
    hint = f'; did you mean "{near}"?' if near else "; `knarr api-resources` lists the kinds"
    raise Failure(f'the server doesn\'t have a resource type "{alias}"{hint}', FAILED)


def parse(arguments: Sequence[str]) -> list[Target]:
    """Targets of "KIND [NAME…]", "KIND,KIND" or "KIND/NAME…"; raises Failure."""
    if not arguments:
        raise Failure(
            "say which kind of object: for example `pods` or `deployment/web`; "
            "`knarr api-resources` lists the kinds",
            USAGE,
        )
    if "" in arguments:
        raise Failure("a name is empty; is a variable of the shell unset?", USAGE)
    if any("/" in argument for argument in arguments):
        return [_slashed(argument) for argument in arguments]
    first, *names = arguments
    aliases = [alias for alias in first.split(",") if alias]
    found = [kind for alias in aliases or [first] for kind in _expand(alias)]
    if not names:
        return [Target(kind) for kind in found]
    return [Target(kind, name) for kind in found for name in names]


def parse_one(arguments: Sequence[str]) -> Target:
    """Exactly one named object; raises Failure."""
    targets = parse(arguments)
    if len(targets) != 1 or not targets[0].name:
        raise Failure("name one object: KIND NAME or KIND/NAME", USAGE)
    return targets[0]


def _expand(alias: str) -> list[Kind]:
    if alias == "all":
        return [find_kind(name) for name in ALL]
    return [find_kind(alias)]


def _slashed(argument: str) -> Target:
    alias, slash, name = argument.partition("/")
    if not slash or not alias or not name or "/" in name:
        raise Failure(
            f'"{argument}": either all arguments are KIND/NAME, or the first is a kind and the rest names',
            USAGE,
        )
    return Target(find_kind(alias), name)

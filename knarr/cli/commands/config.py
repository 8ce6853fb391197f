"""knarr config: which clusters this person talks to."""

import click
import yaml

from knarr.cli import config as configuration
from knarr.cli.arguments import KnarrGroup
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.tables import lined_up


@click.group("config", cls=KnarrGroup, short_help="Contexts: which cluster to talk to")
def command() -> None:
    """Contexts: which cluster to talk to."""


@command.command("get-contexts")
@click.pass_obj
def get_contexts(invocation: Invocation) -> None:
    """List the contexts; a star marks the current one."""
    config = configuration.load(invocation.config_path)
    rows = [("CURRENT", "NAME", "SERVERS", "NAMESPACE")]
    for name, context in sorted(config.contexts.items()):
        current = "*" if name == config.current else ""
        rows.append((current, name, ",".join(context.servers), context.namespace))
    for line in lined_up(rows):
        click.echo(line)


@command.command("current-context")
@click.pass_obj
def current_context(invocation: Invocation) -> None:
    """Print the name of the current context."""
    config = configuration.load(invocation.config_path)
    if not config.current:
        raise Failure("no current context; `knarr config use-context NAME` sets one")
    click.echo(config.current)


@command.command("use-context")
@click.argument("name")
@click.pass_obj
def use_context(invocation: Invocation, name: str) -> None:
    """Make a context the current one."""
    config = configuration.load(invocation.config_path)
    if name not in config.contexts:
        known = ", ".join(sorted(config.contexts)) or "none"
        raise Failure(f'there is no context "{name}"; known: {known}', USAGE)
    configuration.save(configuration.Config(name, config.contexts), invocation.config_path)
    click.echo(f'Switched to context "{name}".')


@command.command("set-namespace")
@click.argument("namespace")
@click.pass_obj
def set_namespace(invocation: Invocation, namespace: str) -> None:
    """The namespace that the current context means when none is given."""
    config = configuration.load(invocation.config_path)
    context = configuration.choose(config, None, None)
    changed = configuration.Context(context.servers, namespace)
    configuration.save(config.with_context(config.current, changed), invocation.config_path)
    click.echo(f'Context "{config.current}" now means namespace "{namespace}".')


@command.command("view")
@click.pass_obj
def view(invocation: Invocation) -> None:
    """Print the config file's content and where it is."""
    config = configuration.load(invocation.config_path)
    click.echo(f"# {invocation.config_path}")
    contexts = {
        name: {"servers": list(context.servers), "namespace": context.namespace}
        for name, context in sorted(config.contexts.items())
    }
    content = {"current-context": config.current, "contexts": contexts}
    click.echo(yaml.safe_dump(content, sort_keys=False), nl=False)

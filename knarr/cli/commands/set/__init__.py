"""knarr set: the changes of pod templates that people make most."""

from knarr.cli.commands.set import env, image, resources
from knarr.cli.invocation import Invocation, knarr_group


@knarr_group("set", short_help="Change images, variables, resources")
def command(invocation: Invocation) -> None:
    """Change images, variables or resources of objects that have a pod template."""


for part in (env, image, resources):
    command.add_command(part.command)

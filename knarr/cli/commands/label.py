"""knarr label: labels of objects."""

from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.marking import LABELS, Marking, mark, marks


@knarr_command("label", short_help="Set or remove labels")
@marks(LABELS, "knarr-label")
def command(invocation: Invocation, marking: Marking) -> None:
    """Set labels (KEY=VALUE) or remove them (KEY-), of objects by name, by selector, or as files say.

    \b
      knarr label pod web-1 tier=front
      knarr label deploy -l app=web owner=me --overwrite
      knarr label node node-1 rack-
    """
    mark(invocation, marking)

"""knarr annotate: annotations of objects."""

from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.marking import ANNOTATIONS, Marking, mark, marks


@knarr_command("annotate", short_help="Set or remove annotations")
@marks(ANNOTATIONS, "knarr-annotate")
def command(invocation: Invocation, marking: Marking) -> None:
    """Set annotations (KEY=VALUE) or remove them (KEY-), of objects by name, by selector, or as files say.

    \b
      knarr annotate pod web-1 tier=front
      knarr annotate deploy -l app=web owner=me --overwrite
      knarr annotate node node-1 rack-
    """
    mark(invocation, marking)

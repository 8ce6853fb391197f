"""knarr set image: which images containers run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knarr.cli.choosing import Found, Wanted, chooses, named_or_selected
from knarr.cli.decisions.marks import parse_marks, split
from knarr.cli.decisions.templates import by_list, meant, patch_of, pod_spec
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.writing import Writing, writes


@knarr_command("image", short_help="Change images")
@chooses()
@writes("knarr-set")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Change the images of containers: CONTAINER=IMAGE, or *=IMAGE for all.

    \b
      knarr set image deploy/web main=nginx:1.29
      knarr set image ds -l app=log '*=fluentd:2'
    """
    names, pairs = split(wanted.names)
    marks = parse_marks(pairs)
    if not marks.set or marks.removed:
        raise Failure("say which image: CONTAINER=IMAGE", USAGE)
    chosen = replace(wanted, names=names)
    which = named_or_selected(chosen, invocation)

    def patch(found: Found) -> Mapping[str, Any]:
        spec = pod_spec(found.obj)
        changes = {
            container.name: {"image": image}
            for pattern, image in marks.set.items()
            for container in meant(spec, [pattern], str(found.target))
        }
        return patch_of(found.target.kind, by_list(spec, changes))

    invocation.run(lambda client: patch_each(client, chosen, which, patch, writing, "image updated"))

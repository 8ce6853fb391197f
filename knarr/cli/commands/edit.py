"""knarr edit: an object in an editor, written when the editor is left."""

import os
import tempfile
from collections.abc import Callable
from typing import Any

import click

from knarr.api.yaml_text import to_yaml
from knarr.cli.choosing import Found, Wanted, chooses, find, named_or_selected
from knarr.cli.decisions.editing import Unusable, body, buffer, changed_meanwhile, parsed, patch_of
from knarr.cli.failure import FAILED, UNREACHABLE, Failure, of_api_error
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.output import shown
from knarr.cli.patching import patch_request
from knarr.cli.writing import Writing, writes
from knarr.client import Client
from knarr.errors import ApiError, Conflict
from knarr.proto.services import object_service_pb2 as wire

EDITORS = ("KNARR_EDITOR", "KUBE_EDITOR")  # before VISUAL and EDITOR
TRIES = 5  # of one write, when the object changes all the time in ways that do not matter

Edit = Callable[[str], str]


@knarr_command("edit", short_help="Change objects in an editor")
@chooses(everything=False)
@writes("knarr-edit", validates=True)
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Open objects in $KNARR_EDITOR, $VISUAL or $EDITOR, one after another, and write them when it is left.
    What the control plane refuses comes back with the reason; an edit is never lost.

    \b
      knarr edit deploy web
      EDITOR="code --wait" knarr edit cm settings
    """
    which = named_or_selected(wanted, invocation)
    found = invocation.run(lambda client: find(client, wanted, which))
    if not found:
        click.echo("No resources found.", err=True)
    for each in found:
        Session(invocation, each, writing).run(_editor)


def _editor(text: str) -> str:
    """What a person makes of the text."""
    editor = next((os.environ[name] for name in EDITORS if os.environ.get(name)), None)
    return click.edit(text, editor=editor, extension=".yaml", require_save=False) or ""


class Session:
    """One object in the editor, as often as it takes."""

    def __init__(self, invocation: Invocation, found: Found, writing: Writing) -> None:
        self._invocation = invocation
        self._target = found.target
        self._namespace = found.namespace
        self._writing = writing
        self._original = shown(found.obj)
        self._text = to_yaml(self._original)
        self._note = ""

    def run(self, edit: Edit) -> None:
        """Until it is written, or given up; raises Failure, which names a file with the edit, when it cannot
        be written."""
        while True:
            before = self._text
            self._text = body(edit(buffer(self._text, self._note)))
            if not self._text.strip() or self._text == before:
                self._give_up(before)
                return
            try:
                value = parsed(self._text, self._original)
                patch = patch_of(self._original, value)
                if not patch:
                    self._writing.tell(self._target, "not changed")
                    return
                self._write(patch)
                return
            except Unusable as error:
                self._note = str(error)
            except Failure as error:
                if error.exit_code == UNREACHABLE:
                    raise self._kept(error.message, self._text) from error
                self._note = error.message

    def _give_up(self, before: str) -> None:
        if self._note:
            raise self._kept(self._note, before)
        click.echo("Edit cancelled, no changes made.", err=True)

    def _kept(self, why: str, text: str) -> Failure:
        """The failure that leaves the edit in a file."""
        with tempfile.NamedTemporaryFile("w", prefix="knarr-edit-", suffix=".yaml", delete=False) as file:
            file.write(text)
        return Failure(f"{why}\nthe edit is kept in {file.name}", FAILED)

    def _write(self, patch: dict[str, Any]) -> None:
        """Send the patch of just the version that was edited. Where others have changed what matters, raises
        Unusable with their changes, and the next try is made on what they left."""

        async def work(client: Client) -> wire.ObjectResponse | None:
            for _ in range(TRIES):
                try:
                    return await client.send(self._request(patch))
                except Conflict:
                    obj = await client.get(self._target.kind.message, self._namespace, self._target.name)
                    now, before = shown(obj), self._original
                    self._original = now
                    if lines := changed_meanwhile(before, now):
                        raise Unusable("\n".join(["others have changed it meanwhile:", *lines])) from None
                except ApiError as error:
                    raise of_api_error(error) from error
            return None

        answer = self._invocation.run(work)
        if answer is None:
            raise Unusable("it changes all the time; try again")
        self._writing.tell(self._target, "edited", answer)
        self._writing.show([self._target.kind], [answer])

    def _request(self, patch: dict[str, Any]) -> wire.PatchRequest:
        version = self._original["metadata"]["resourceVersion"]
        metadata = {**patch.get("metadata", {}), "resourceVersion": version}
        return patch_request(self._target, self._namespace, {**patch, "metadata": metadata}, self._writing)

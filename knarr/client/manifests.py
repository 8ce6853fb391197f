"""Applying manifests: the YAML or JSON that people write, several objects in one text."""

from google.protobuf.message import Message

from knarr.api.codec import kind_of_dict
from knarr.api.errors import DecodeError, Problem
from knarr.api.kinds import Kind
from knarr.api.manifest import Document, read_text
from knarr.client.results import WriteResult
from knarr.client.writes import Writes

DEFAULT_NAMESPACE = "default"


class Manifests(Writes):
    """Objects as text."""

    async def apply_manifest(
        self, text: str, namespace: str = DEFAULT_NAMESPACE, *, force: bool = False, dry_run: bool = False
    ) -> list[WriteResult[Message]]:
        """Apply all objects of a YAML or JSON text, in order; those that name no namespace in `namespace`.

        The text is read whole before anything is written: raises ManifestError for one that cannot be read
        and DecodeError for a document that names no served kind or no object. What the server refuses is
        raised as `apply` does; the objects before it have been applied then."""
        results: list[WriteResult[Message]] = []
        for kind, where, name, document in [_named(each, namespace) for each in read_text(text)]:
            results.append(await self.apply(kind, where, name, document.value, force=force, dry_run=dry_run))
        return results


def _named(document: Document, namespace: str) -> tuple[Kind, str, str, Document]:
    """What object a document is of; raises DecodeError."""
    kind = kind_of_dict(document.value)
    metadata = document.value.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    name, where = own.get("name"), own.get("namespace", namespace)
    if not isinstance(name, str) or not name or not isinstance(where, str):
        raise DecodeError([Problem("metadata.name", name, f"a {kind} that is applied has a name")])
    return kind, where, name, document

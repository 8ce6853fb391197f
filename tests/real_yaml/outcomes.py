"""One document as `knarr apply --dry-run=server` would send it, and what it is told."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from knarr.api import kinds
from knarr.api.errors import DecodeError, ManifestError
from knarr.api.manifest import Document, read_file
from knarr.errors import AlreadyExists, ApiError
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld

SUFFIXES: Final = (".yaml", ".yml", ".json")
ACCEPTED, WARNED, REFUSED, OTHER = "accepted", "with warnings", "refused", "no object"
OUTCOMES: Final = (ACCEPTED, WARNED, REFUSED, OTHER)
# Others need these to exist; the rest of a collection does not.
FIRST: Final = ("Namespace", "ServiceAccount", "PriorityClass")
_PLACEHOLDER: Final = "{{"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one document, or of a file that could not be read."""

    file: Path  # relative to the folder of all collections
    name: str  # "Deployment web", or "" for a file
    outcome: str
    texts: tuple[str, ...] = ()  # reasons, or warnings


def files(folder: Path) -> list[Path]:
    """The manifests below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file, read; `why` it could not be."""

    file: Path  # relative to the folder of all collections
    documents: tuple[Document, ...] = ()
    why: str = ""


def read(folder: Path, path: Path) -> Manifest:
    """A file through the client's reader of manifests."""
    file = path.relative_to(folder)
    try:
        return Manifest(file, tuple(read_file(path)))
    except ManifestError as error:
        template = (
            "a template, not yet filled in: " if _PLACEHOLDER in path.read_text(errors="replace") else ""
        )
        return Manifest(file, why=f"{template}line {error.line}: {error.reason}")


async def told(world: ApiWorld, manifests: Sequence[Manifest]) -> AsyncIterator[Told]:
    """Every document of the files. Namespaces and accounts that they bring are there from the beginning."""
    for manifest in manifests:
        for document in manifest.documents:
            await _make_first(world, document.value)
    for manifest in manifests:
        if manifest.why:
            yield Told(manifest.file, "", REFUSED, (manifest.why,))
        for document in manifest.documents:
            yield await _told(world, manifest.file, document)


async def _make_first(world: ApiWorld, value: dict[str, Any]) -> None:
    kind = kinds.find(str(value.get("apiVersion")), str(value.get("kind")))
    for name in _namespaces(value) if kind is not None else ():
        await _create(world, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    if kind is not None and kind.name in FIRST:
        await _create(world, value)


def _namespaces(value: dict[str, Any]) -> Iterator[str]:
    metadata = value.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("namespace"), str):
        yield metadata["namespace"]


async def _create(world: ApiWorld, value: dict[str, Any]) -> None:
    try:
        await world.writes.create(_request(value, dry_run=False))
    except ApiError:
        return  # it is refused again, and told, in its turn


def _request(value: dict[str, Any], *, dry_run: bool) -> wire.CreateRequest:
    kind = kinds.find(value["apiVersion"], value["kind"])
    assert kind is not None  # the reader has decoded it
    namespace = next(_namespaces(value), "default") if kind.namespaced else ""
    reference = wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace)
    options = wire.WriteOptions(dry_run=dry_run, field_manager="knarr-apply")
    body = wire.Body(json=json.dumps(value).encode())
    return wire.CreateRequest(reference=reference, body=body, options=options)


async def _told(world: ApiWorld, file: Path, document: Document) -> Told:
    value = document.value
    metadata = value.get("metadata")
    own = metadata.get("name", metadata.get("generateName")) if isinstance(metadata, dict) else ""
    name = f"{value.get('kind')} {own}"
    if "apiVersion" not in value and "kind" not in value:
        return Told(file, str(document.line), OTHER, ("neither apiVersion nor kind: no Kubernetes object",))
    try:
        document.decode().strict()
        answer = await world.writes.create(_request(value, dry_run=True))
    except DecodeError as error:
        return Told(file, name, REFUSED, tuple(map(str, error.problems)))
    except AlreadyExists:
        return Told(file, name, ACCEPTED)  # one of those that others need
    except ApiError as error:
        causes = tuple(f"{cause.field}: {cause.message}" for cause in error.causes)
        return Told(file, name, REFUSED, causes or (error.message,))
    warnings = tuple(answer.warnings)
    return Told(file, name, WARNED if warnings else ACCEPTED, warnings)

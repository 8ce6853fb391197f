"""One ordinary object of every served kind, from every_kind.yaml."""

from pathlib import Path
from typing import Any

from knarr.api.codec import kind_of_dict
from knarr.api.kinds import Kind
from knarr.api.manifest import read_file

FILE = Path(__file__).with_name("every_kind.yaml")


def every_kind() -> dict[Kind, dict[str, Any]]:
    """The documents, by kind; each is named "sample"."""
    return {kind_of_dict(document.value): document.value for document in read_file(FILE)}

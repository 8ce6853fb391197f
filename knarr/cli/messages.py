"""Answers that are no objects, as JSON or YAML."""

import json

import click
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from knarr.api.yaml_text import to_yaml


def print_message(message: Message, form: str) -> None:
    """Print an answer of the server whole; `form`: "json" or "yaml"."""
    value = MessageToDict(message)
    click.echo(to_yaml(value) if form == "yaml" else json.dumps(value, indent=4) + "\n", nl=False)

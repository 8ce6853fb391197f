"""Plain values to YAML text that Knarr, kubectl and readers of YAML 1.2 all read back as the same values."""

from typing import Any, Final

import yaml

from knarr.api.yaml_values import is_plain_text

_STR: Final = "tag:yaml.org,2002:str"


class _Dumper(yaml.CSafeDumper):
    """Quotes what any reader might take for something else than text; prints lines as lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and text.strip() and all(line == line.rstrip() for line in text.split("\n")):
        style = "|"
    elif not is_plain_text(text):
        style = '"'
    return dumper.represent_scalar(_STR, text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any) -> str:
    """The YAML document of a plain value, keys in their order, with a line end."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)

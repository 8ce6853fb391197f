"""kubectl's JSONPath templates: `{.items[*].metadata.name}`, filters, ranges, slices, recursive descent.

Kubernetes' own dialect (kubernetes.io/docs/reference/kubectl/jsonpath), which no JSONPath library speaks:
text outside braces is printed as it is, `{range …}…{end}` repeats, results are joined by a space.
"""

from knarr.cli.jsonpath.paths import JsonPathError, find
from knarr.cli.jsonpath.templates import render

__all__ = ["JsonPathError", "find", "render"]

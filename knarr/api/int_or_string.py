"""Values that are a number or a text: a share ("25%") or the name of a port. Pure."""

from collections.abc import Callable

from knarr.proto.kubernetes import meta_v1_pb2 as meta


def text_of(value: meta.IntOrString) -> str:
    """ "25%", "3"."""
    return value.strVal if value.type else str(value.intVal)


def scaled(value: meta.IntOrString, total: int, rounded: Callable[[float], int]) -> int:
    """The number, or the share of `total`; of a value that validation has let through."""
    if not value.type:
        return value.intVal
    return rounded(total * int(value.strVal.rstrip("%")) / 100)

"""Amounts, ports, taints and terms in the words of manifests. Pure."""

from control_plane.scheduler.nodes import Taint
from control_plane.scheduler.requests import CPU, EPHEMERAL_STORAGE, MEMORY, PODS
from control_plane.scheduler.shape import HostPort, NodeTerm, PodTerm

_MI = 1024**2
_GI = 1024**3


def amount_text(resource: str, value: float) -> str:
    """A quantity that can be written into a manifest and is no larger than `value` (cpu in millis, the rest
    in its unit): "1500m", "2", "768Mi"."""
    whole = int(value)
    if resource == CPU:
        return f"{whole // 1000}" if whole % 1000 == 0 else f"{whole}m"
    if resource not in (MEMORY, EPHEMERAL_STORAGE) and not resource.startswith("hugepages-"):
        return str(whole)
    if whole >= _GI and whole % _GI == 0:
        return f"{whole // _GI}Gi"
    return f"{whole // _MI}Mi" if whole >= _MI else str(whole)


def shortage_text(resource: str, value: float) -> str:
    """The same, but no smaller than `value`."""
    large = resource in (MEMORY, EPHEMERAL_STORAGE) and value >= _MI
    return amount_text(resource, -(-int(value) // _MI) * _MI if large else value)


def resource_name(resource: str) -> str:
    """How a sentence calls the resource."""
    return "places for pods" if resource == PODS else resource


def taint_text(taint: Taint) -> str:
    """As `knarr taint` takes it."""
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"


def port_text(port: HostPort) -> str:
    """ "80/TCP", or "10.0.0.1:80/TCP" where only one address is claimed."""
    address = "" if port.ip == "0.0.0.0" else f"{port.ip}:"
    return f"{address}{port.port}/{port.protocol}"


def node_term_text(term: NodeTerm) -> str:
    """All requirements of a node selector term."""
    return ", ".join(map(str, (*term.expressions, *term.fields))) or "nothing (the term is empty)"


def pods_text(term: PodTerm) -> str:
    """Which pods a term means."""
    where = "" if not term.namespaces else f" of {' and '.join(sorted(term.namespaces))}"
    return f"{term.selector if term.selector is not None else 'nothing'}{where}"


def and_more(names: list[str], most: int = 3) -> str:
    """ "n1, n2, n3 and 40 more"."""
    shown, more = names[:most], len(names) - most
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

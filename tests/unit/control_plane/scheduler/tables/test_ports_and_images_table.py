"""NodePorts and ImageLocality: which host ports clash, and what an image that is there is worth.

Source: the API reference of ContainerPort, and kube-scheduler's ImageLocality: 0 below 23 MB, full at 1000 MB
a container, by the share of nodes that have it.
"""

from typing import Any

import pytest

from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node
from tests.unit.control_plane.scheduler.tables.asking import FITS, bench, pod_of, why, worth

MB = 2**20
TAKEN = ["1 node(s) didn't have free ports for the requested pod ports"]
Port = tuple[int, str, str]


def listening(name: str, *ports: Port, node: str = "", init: bool = False, host: bool = False) -> core.Pod:
    rows = [
        {"containerPort": number, "hostPort": number, "protocol": protocol, "hostIP": address}
        for number, protocol, address in ports
    ]
    main: dict[str, Any] = {"name": "main", "image": "i"}
    holder = {"name": "holder", "image": "i", "ports": rows}
    spec: dict[str, Any] = {"nodeName": node or None, "hostNetwork": host}
    spec |= {"containers": [main], "initContainers": [holder]} if init else {"containers": [main, holder]}
    return pod_of(spec, name=name, uid=f"uid-{name}")


ANY, ONE, TWO = "", "10.0.0.1", "10.0.0.2"
CLASHES: dict[str, tuple[list[Port], list[Port], bool]] = {
    "nothing there": ([], [(80, "TCP", ANY)], True),
    "the same port": ([(80, "TCP", ANY)], [(80, "TCP", ANY)], False),
    "another port": ([(80, "TCP", ANY)], [(8080, "TCP", ANY)], True),
    "another protocol": ([(53, "UDP", ANY)], [(53, "TCP", ANY)], True),
    "a third protocol": ([(53, "UDP", ANY), (53, "TCP", ANY)], [(53, "SCTP", ANY)], True),
    "no protocol is TCP": ([(80, "", ANY)], [(80, "TCP", ANY)], False),
    "two addresses": ([(80, "TCP", ONE)], [(80, "TCP", TWO)], True),
    "one address": ([(80, "TCP", ONE)], [(80, "TCP", ONE)], False),
    "there on all addresses": ([(80, "TCP", ANY)], [(80, "TCP", ONE)], False),
    "wanted on all addresses": ([(80, "TCP", ONE)], [(80, "TCP", ANY)], False),
    "0.0.0.0 is all addresses": ([(80, "TCP", "0.0.0.0")], [(80, "TCP", ONE)], False),
    "0.0.0.0 and none are the same": ([(80, "TCP", "0.0.0.0")], [(80, "TCP", ANY)], False),
    "one of several wanted": ([(80, "TCP", ANY)], [(81, "TCP", ANY), (80, "TCP", ANY)], False),
    "one of several there": ([(81, "TCP", ANY), (80, "TCP", ANY)], [(80, "TCP", ANY)], False),
    "no host port": ([(80, "TCP", ANY)], [(0, "TCP", ANY)], True),
    "two pods without": ([(0, "TCP", ANY)], [(0, "TCP", ANY)], True),
}


@pytest.mark.parametrize(("taken", "wanted", "fits"), CLASHES.values(), ids=CLASHES)
def test_host_ports(taken: list[Port], wanted: list[Port], fits: bool) -> None:
    found = bench(make_node("n"), running=[listening("q", *taken, node="n")])
    assert why(found, listening("p", *wanted)) == (FITS if fits else TAKEN)


def imaged(*sizes: int | None) -> list[core.Node]:
    """Nodes "0", "1", …, each with the image in so many MB, or without."""
    nodes = []
    for number, size in enumerate(sizes):
        node = make_node(str(number))
        if size is not None:
            node.status.images.add(names=["app:1", "app@sha256:1"], sizeBytes=size * MB)
        nodes.append(node)
    return nodes


# Sizes on the nodes, containers of the image -> scores.
IMAGES: dict[str, tuple[tuple[int | None, ...], int, tuple[int, ...]]] = {
    "nowhere": ((None, None), 1, (0, 0)),
    "below the least": ((20, None), 1, (0, 0)),
    "at the least": ((46, None), 1, (0, 0)),
    "everywhere, at the most": ((1000, 1000), 1, (100, 100)),
    "everywhere, above the most": ((4000, 4000), 1, (100, 100)),
    "on half of the nodes, half of it counts": ((1000, None), 1, (48, 0)),
    "on one of four": ((1000, None, None, None), 1, (23, 0, 0, 0)),
    "twice as large on half of the nodes": ((2000, None), 1, (100, 0)),
    "two containers need twice as much": ((1000, 1000), 2, (100, 100)),
    "half of the most": ((511, 511), 1, (49, 49)),
}


@pytest.mark.parametrize(("sizes", "containers", "scores"), IMAGES.values(), ids=IMAGES)
def test_images(sizes: tuple[int | None, ...], containers: int, scores: tuple[int, ...]) -> None:
    rows = [{"name": f"c{number}", "image": "app:1"} for number in range(containers)]
    got = worth("ImageLocality", bench(*imaged(*sizes)), pod_of({"containers": rows}))
    assert tuple(got.get(str(number), 0) for number in range(len(sizes))) == scores


NAMES = {
    "with its tag": ("app:1", 48),
    "another tag": ("app:2", 0),
    "by digest": ("app@sha256:1", 48),
    "no tag is latest": ("app", 0),
}


@pytest.mark.parametrize(("image", "score"), NAMES.values(), ids=NAMES)
def test_names_of_images(image: str, score: int) -> None:
    pod = pod_of({"containers": [{"name": "c", "image": image}]})
    assert worth("ImageLocality", bench(*imaged(1000, None)), pod).get("0", 0) == score


def test_an_image_without_a_tag_is_the_latest() -> None:
    nodes = [make_node("has"), make_node("not")]
    nodes[0].status.images.add(names=["app:latest"], sizeBytes=1000 * MB)
    pod = pod_of({"containers": [{"name": "c", "image": "app"}]})
    assert worth("ImageLocality", bench(*nodes), pod) == {"has": 48, "not": 0}

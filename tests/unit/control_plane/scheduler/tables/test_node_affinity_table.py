"""NodeAffinity, nodeSelector and NodeName as documented.

Source: kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node.
"""

from typing import Any

import pytest

from tests.unit.control_plane.scheduler.objects_for_scheduling import HOSTNAME, ZONE, make_node, make_pod
from tests.unit.control_plane.scheduler.tables.asking import (
    PREFERRED,
    REQUIRED,
    bench,
    fitting,
    why,
    worth,
)

Row = dict[str, Any]


def row(key: str, operator: str, *values: str) -> Row:
    return {"key": key, "operator": operator, "values": list(values)}


def term(*expressions: Row, fields: tuple[Row, ...] = ()) -> Row:
    return {"matchExpressions": list(expressions), "matchFields": list(fields)}


def required(*terms: Row) -> Row:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}


def preferred(*weighted: tuple[int, Row]) -> Row:
    rows = [{"weight": weight, "preference": preference} for weight, preference in weighted]
    return {"nodeAffinity": {PREFERRED: rows}}


def by_name(operator: str, *names: str) -> Row:
    return row("metadata.name", operator, *names)


# The nodes of the tables: what their labels are.
NODES = {
    "east-ssd": {ZONE: "east", "disk": "ssd", "cores": "8"},
    "east-hdd": {ZONE: "east", "disk": "hdd", "cores": "16"},
    "west-ssd": {ZONE: "west", "disk": "ssd", "cores": "32"},
    "bare": {},
}
ALL = sorted(NODES)
EAST, SSD = row(ZONE, "In", "east"), row("disk", "In", "ssd")

REQUIREMENTS: dict[str, tuple[list[Row], list[str]]] = {
    "In one value": ([term(EAST)], ["east-hdd", "east-ssd"]),
    "In several values": ([term(row(ZONE, "In", "east", "west"))], ["east-hdd", "east-ssd", "west-ssd"]),
    "In values that nobody has": ([term(row(ZONE, "In", "north"))], []),
    "NotIn excludes the value": ([term(row("disk", "NotIn", "hdd"))], ["bare", "east-ssd", "west-ssd"]),
    "NotIn several": ([term(row("disk", "NotIn", "hdd", "ssd"))], ["bare"]),
    "Exists": ([term(row("disk", "Exists"))], ["east-hdd", "east-ssd", "west-ssd"]),
    "DoesNotExist": ([term(row("disk", "DoesNotExist"))], ["bare"]),
    "Gt": ([term(row("cores", "Gt", "8"))], ["east-hdd", "west-ssd"]),
    "Lt": ([term(row("cores", "Lt", "32"))], ["east-hdd", "east-ssd"]),
    "Gt and Lt make a range": ([term(row("cores", "Gt", "8"), row("cores", "Lt", "32"))], ["east-hdd"]),
    "expressions of one term are all needed": ([term(EAST, SSD)], ["east-ssd"]),
    "terms are alternatives": ([term(EAST), term(SSD)], ["east-hdd", "east-ssd", "west-ssd"]),
    "expressions that cannot both be": ([term(EAST, row(ZONE, "In", "west"))], []),
    "no terms match nothing": ([], []),
    "an empty term matches nothing": ([term()], []),
    "an empty term beside another": ([term(), term(SSD)], ["east-ssd", "west-ssd"]),
    "a name": ([term(fields=(by_name("In", "bare"),))], ["bare"]),
    "not a name": ([term(fields=(by_name("NotIn", "bare"),))], ["east-hdd", "east-ssd", "west-ssd"]),
    "a name and labels": ([term(SSD, fields=(by_name("In", "west-ssd"),))], ["west-ssd"]),
    "a name whose labels do not match": ([term(SSD, fields=(by_name("In", "east-hdd"),))], []),
    "names as alternatives": (
        [term(fields=(by_name("In", "bare"),)), term(fields=(by_name("In", "east-ssd"),))],
        ["bare", "east-ssd"],
    ),
    "a name that there is not": ([term(fields=(by_name("In", "gone"),))], []),
    "a name, or labels": (
        [term(fields=(by_name("In", "bare"),)), term(SSD)],
        ["bare", "east-ssd", "west-ssd"],
    ),
    "the label that every node has": ([term(row(HOSTNAME, "In", "bare"))], ["bare"]),
}


@pytest.mark.parametrize(("terms", "nodes"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_requirements(terms: list[Row], nodes: list[str]) -> None:
    found = bench(*(make_node(name, labels=labels) for name, labels in NODES.items()))
    pod = make_pod("p", affinity=required(*terms) if terms else {"nodeAffinity": {REQUIRED: {}}})
    assert fitting(found, pod) == nodes


SELECTORS = {
    "one label": ({"disk": "ssd"}, {}, ["east-ssd", "west-ssd"]),
    "all of its labels": ({"disk": "ssd", ZONE: "west"}, {}, ["west-ssd"]),
    "a label that nobody has": ({"gpu": "yes"}, {}, []),
    "an empty selector": ({}, {}, ALL),
    "a value that is empty": ({"disk": ""}, {}, []),
    "together with affinity": ({"disk": "ssd"}, required(term(EAST)), ["east-ssd"]),
    "against affinity": ({"disk": "hdd"}, required(term(SSD)), []),
    "an affinity that only prefers does not exclude": ({}, preferred((1, term(SSD))), ALL),
}


@pytest.mark.parametrize(("selector", "affinity", "nodes"), SELECTORS.values(), ids=SELECTORS)
def test_selectors(selector: dict[str, str], affinity: Row, nodes: list[str]) -> None:
    found = bench(*(make_node(name, labels=labels) for name, labels in NODES.items()))
    assert fitting(found, make_pod("p", nodeSelector=selector, affinity=affinity)) == nodes


def test_the_reason_is_one_for_selector_and_affinity() -> None:
    found = bench(*(make_node(name, labels=labels) for name, labels in NODES.items()))
    expected = ["4 node(s) didn't match Pod's node affinity/selector"]
    assert why(found, make_pod("p", nodeSelector={"gpu": "yes"})) == expected
    assert why(found, make_pod("p", affinity=required(term(row("gpu", "Exists"))))) == expected


# Weighted preferences -> scores of east-ssd, east-hdd, west-ssd and bare (times the weight 2 of the plugin).
PREFERENCES: dict[str, tuple[list[tuple[int, Row]], tuple[int, int, int, int]]] = {
    "one preference": ([(1, term(SSD))], (200, 0, 200, 0)),
    "its weight alone does not matter": ([(100, term(SSD))], (200, 0, 200, 0)),
    "weights add up": ([(1, term(SSD)), (1, term(EAST))], (200, 100, 100, 0)),
    "by their weights": ([(3, term(SSD)), (1, term(EAST))], (200, 50, 150, 0)),
    "rounded down": ([(2, term(SSD)), (1, term(EAST))], (200, 66, 132, 0)),
    "expressions of one preference are all needed": ([(5, term(SSD, EAST))], (200, 0, 0, 0)),
    "an empty preference matches nothing": ([(5, term()), (5, term(SSD))], (200, 0, 200, 0)),
    "the documentation's two zones": (
        [(80, term(row(ZONE, "In", "east"))), (20, term(row(ZONE, "In", "west")))],
        (200, 200, 50, 0),
    ),
    "by what is not there": ([(1, term(row("disk", "DoesNotExist")))], (0, 0, 0, 200)),
    "by number": ([(1, term(row("cores", "Gt", "10")))], (0, 200, 200, 0)),
    "by name": ([(1, term(fields=(by_name("In", "bare"),)))], (0, 0, 0, 200)),
}


@pytest.mark.parametrize(("weighted", "scores"), PREFERENCES.values(), ids=PREFERENCES)
def test_preferences(weighted: list[tuple[int, Row]], scores: tuple[int, ...]) -> None:
    found = bench(*(make_node(name, labels=labels) for name, labels in NODES.items()))
    got = worth("NodeAffinity", found, make_pod("p", affinity=preferred(*weighted)))
    assert tuple(got[name] for name in NODES) == scores


def test_a_preference_that_nobody_meets_says_nothing() -> None:
    found = bench(*(make_node(name, labels=labels) for name, labels in NODES.items()))
    got = worth("NodeAffinity", found, make_pod("p", affinity=preferred((9, term(row("gpu", "Exists"))))))
    assert set(got.values()) <= {0}

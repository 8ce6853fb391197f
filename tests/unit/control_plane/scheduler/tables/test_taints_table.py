"""TaintToleration and NodeUnschedulable as documented.

Source: kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration.
"""

import pytest

from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod
from tests.unit.control_plane.scheduler.tables.asking import FITS, bench, fitting, why, worth

Row = dict[str, str | int]


def taint(key: str = "k", value: str = "v", effect: str = "NoSchedule") -> dict[str, str]:
    return {"key": key, "value": value, "effect": effect}


def equal(key: str = "k", value: str = "v", **more: str | int) -> Row:
    return {"key": key, "operator": "Equal", "value": value, **more}


def exists(key: str = "k", **more: str | int) -> Row:
    return {"key": key, "operator": "Exists", **more} if key else {"operator": "Exists", **more}


NO, EX, SOFT = "NoSchedule", "NoExecute", "PreferNoSchedule"
# The taints of a node, the tolerations of a pod -> whether it fits.
TOLERATED = {
    "no taints, no tolerations": ([], [], True),
    "tolerations without taints": ([], [equal(), exists()], True),
    "Equal: the same key, value and effect": ([taint()], [equal(effect=NO)], True),
    "Equal: another value": ([taint()], [equal(value="w", effect=NO)], False),
    "Equal: another key": ([taint()], [equal(key="j", effect=NO)], False),
    "Equal: another effect": ([taint()], [equal(effect=EX)], False),
    "Equal: an empty effect matches every effect": ([taint(effect=EX)], [equal()], True),
    "Equal: empty values are equal": ([taint(value="")], [equal(value="")], True),
    "Equal: an empty value is not any value": ([taint()], [equal(value="")], False),
    "Exists: the same key and effect": ([taint()], [exists(effect=NO)], True),
    "Exists: any value": ([taint(value="whatever")], [exists()], True),
    "Exists: another key": ([taint()], [exists(key="j")], False),
    "Exists: another effect": ([taint()], [exists(effect=EX)], False),
    "Exists: an empty key matches every key": ([taint(), taint("j", "w", EX)], [exists(key="")], True),
    "Exists: an empty key with an effect, that effect": ([taint()], [exists(key="", effect=NO)], True),
    "Exists: an empty key with an effect, another": ([taint(effect=EX)], [exists(key="", effect=NO)], False),
    "the operator is Equal when it is not given": ([taint()], [{"key": "k", "value": "v"}], True),
    "one of two taints tolerated": ([taint(), taint("j")], [exists()], False),
    "both taints tolerated by one each": ([taint(), taint("j")], [exists(), exists("j")], True),
    "both effects of one key by one": ([taint(), taint(effect=EX)], [exists()], True),
    "one of both effects of one key": ([taint(), taint(effect=EX)], [exists(effect=NO)], False),
    "the documentation's three taints and two tolerations": (
        [taint("key1", "value1"), taint("key1", "value1", EX), taint("key2", "value2")],
        [equal("key1", "value1", effect=NO), equal("key1", "value1", effect=EX)],
        False,
    ),
    "a soft taint alone": ([taint(effect=SOFT)], [], True),
    "soft beside hard": ([taint(effect=SOFT), taint("j")], [exists("j")], True),
    "NoExecute keeps out too": ([taint(effect=EX)], [], False),
    "tolerationSeconds does not matter before": (
        [taint(effect=EX)],
        [exists(effect=EX, tolerationSeconds=0)],
        True,
    ),
    "not ready nodes keep pods out": ([taint("node.kubernetes.io/not-ready", "", EX)], [], False),
    "keys are compared whole": ([taint("example.com/a")], [exists("a")], False),
    "values are compared with their case": ([taint(value="V")], [equal(value="v")], False),
}


@pytest.mark.parametrize(("taints", "tolerations", "fits"), TOLERATED.values(), ids=TOLERATED)
def test_which_taints_are_tolerated(taints: list[dict[str, str]], tolerations: list[Row], fits: bool) -> None:
    found = bench(make_node("n", taints=taints))
    assert fitting(found, make_pod("p", tolerations=tolerations)) == (["n"] if fits else [])


NAMED = {
    "the taint with its value": ([taint()], [], "k: v"),
    "a taint without a value": ([taint(value="")], [], "k: "),
    "the first that is not tolerated": ([taint("a"), taint("b"), taint("c")], [exists("a")], "b: v"),
    "soft ones are passed over": ([taint("a", effect=SOFT), taint("b")], [], "b: v"),
}


@pytest.mark.parametrize(("taints", "tolerations", "named"), NAMED.values(), ids=NAMED)
def test_which_taint_is_named(taints: list[dict[str, str]], tolerations: list[Row], named: str) -> None:
    found = bench(make_node("n", taints=taints))
    pod = make_pod("p", tolerations=tolerations)
    assert why(found, pod) == [f"1 node(s) had untolerated taint {{{named}}}"]


UNSCHEDULABLE = {
    "a cordoned node takes nothing": ([], ["1 node(s) were unschedulable"]),
    "tolerated by its key": ([exists("node.kubernetes.io/unschedulable")], FITS),
    "tolerated by its key and effect": ([exists("node.kubernetes.io/unschedulable", effect=NO)], FITS),
    "not by another effect": (
        [exists("node.kubernetes.io/unschedulable", effect=EX)],
        ["1 node(s) were unschedulable"],
    ),
    "tolerated with everything": ([exists("")], FITS),
    "not by another key": ([exists("k")], ["1 node(s) were unschedulable"]),
}


@pytest.mark.parametrize(("tolerations", "reasons"), UNSCHEDULABLE.values(), ids=UNSCHEDULABLE)
def test_cordoned_nodes(tolerations: list[Row], reasons: list[str]) -> None:
    found = bench(make_node("n", unschedulable=True))
    assert why(found, make_pod("p", tolerations=tolerations)) == reasons


def soft(*keys: str) -> list[dict[str, str]]:
    return [taint(key, effect=SOFT) for key in keys]


# The soft taints of two nodes, what is tolerated -> their scores (times the weight 3).
PREFERRED = {
    "none has any": ((), (), [], (300, 300)),
    "one has one": (("a",), (), [], (0, 300)),
    "fewer is better": (("a", "b"), ("a",), [], (0, 150)),
    "alike": (("a",), ("b",), [], (0, 0)),
    "tolerated ones do not count": (("a", "b"), ("b",), [exists("a")], (0, 0)),
    "tolerated for the soft effect": (("a",), (), [exists("a", effect=SOFT)], (300, 300)),
    "tolerated for another effect counts": (("a",), (), [exists("a", effect=NO)], (0, 300)),
    "all tolerated": (("a", "b"), ("c",), [exists("")], (300, 300)),
    "a third of the most": (("a", "b", "c"), ("a",), [], (0, 201)),
    "by value": (("a",), (), [equal("a", "v")], (300, 300)),
    "by another value": (("a",), (), [equal("a", "w")], (0, 300)),
}


@pytest.mark.parametrize(("one", "two", "tolerations", "scores"), PREFERRED.values(), ids=PREFERRED)
def test_soft_taints(
    one: tuple[str, ...], two: tuple[str, ...], tolerations: list[Row], scores: tuple[int, int]
) -> None:
    found = bench(make_node("one", taints=soft(*one)), make_node("two", taints=soft(*two)))
    got = worth("TaintToleration", found, make_pod("p", tolerations=tolerations))
    assert (got.get("one", 300), got.get("two", 300)) == scores


def test_hard_taints_do_not_count_as_soft() -> None:
    found = bench(make_node("one", taints=[taint("a")]), make_node("two", taints=soft("b")))
    got = worth("TaintToleration", found, make_pod("p", tolerations=[exists("a")]))
    assert got == {"one": 300, "two": 0}

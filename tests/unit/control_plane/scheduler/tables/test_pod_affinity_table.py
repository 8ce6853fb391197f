"""InterPodAffinity as documented: who must, must not, would rather or rather not be near whom.

Source: kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node, and the API reference of
PodAffinityTerm.
"""

from typing import Any

import pytest

from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import HOSTNAME, ZONE, make_node, make_pod
from tests.unit.control_plane.scheduler.tables.asking import (
    PREFERRED,
    REQUIRED,
    bench,
    fitting,
    why,
    worth,
    zoned,
)

Row = dict[str, Any]
NAMESPACES = {"default": {"team": "a"}, "other": {"team": "b"}, "third": {}}


def term(key: str = ZONE, **more: Any) -> Row:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "db"}}} | more


def expression(key: str, operator: str, *values: str) -> Row:
    return {
        "labelSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    }


def near(*terms: Row) -> Row:
    return {"podAffinity": {REQUIRED: list(terms)}}


def far(*terms: Row) -> Row:
    return {"podAntiAffinity": {REQUIRED: list(terms)}}


def running(name: str, node: str, app: str = "db", namespace: str = "default", **more: Any) -> core.Pod:
    labels = {"app": app, **more.pop("labels", {})}
    return make_pod(name, node=node, labels=labels, namespace=namespace, **more)


A, B, BOTH = ["a1", "a2"], ["b1"], ["a1", "a2", "b1"]
IN_A = [running("q", "a1")]
IN_BOTH = [running("q", "a1"), running("r", "b1")]
# (what the pod requires, what runs) -> the nodes that take it: a1 and a2 of zone a, b1 of zone b.
AFFINITY: dict[str, tuple[Row, list[core.Pod], list[str]]] = {
    "the zone of the other pod": (near(term()), IN_A, A),
    "the host of the other pod": (near(term(HOSTNAME)), IN_A, ["a1"]),
    "nobody to be near to": (near(term()), [], []),
    "wherever one of them is": (near(term()), IN_BOTH, BOTH),
    "pods of other apps do not matter": (near(term()), [running("q", "a1", "cache")], []),
    "both of two terms": (
        near(term(), term(**expression("app", "In", "cache"))),
        [running("q", "a1"), running("r", "b1", "cache")],
        [],
    ),
    "all terms are met by the same pods": (
        near(term(), term(**expression("tier", "Exists"))),
        [running("q", "a1"), running("r", "a2", "cache", labels={"tier": "x"})],
        [],
    ),
    "two terms with two topologies": (
        near(term(), term(HOSTNAME, **expression("tier", "Exists"))),
        [running("q", "a1", labels={"tier": "x"}), running("r", "a2")],
        ["a1"],
    ),
    "In": (near(term(**expression("app", "In", "x", "db"))), IN_A, A),
    "NotIn": (near(term(**expression("app", "NotIn", "cache"))), IN_A, A),
    "NotIn of it: it is meant itself, and the first": (
        near(term(**expression("app", "NotIn", "db"))),
        IN_A,
        BOTH,
    ),
    "Exists": (near(term(**expression("app", "Exists"))), IN_A, A),
    "DoesNotExist": (near(term(**expression("tier", "DoesNotExist"))), IN_A, A),
    "DoesNotExist of it": (near(term(**expression("app", "DoesNotExist"))), IN_A, []),
    "an empty selector matches all pods": (near(term(labelSelector={})), IN_A, A),
    "no selector matches no pod": (near(term(labelSelector=None)), IN_A, []),
    "nodes without the label never": (near(term("rack")), IN_A, []),
    "anti: not in its zone": (far(term()), IN_A, B),
    "anti: not on its host": (far(term(HOSTNAME)), IN_A, ["a2", "b1"]),
    "anti: nobody there": (far(term()), [], BOTH),
    "anti: everywhere": (far(term()), IN_BOTH, []),
    "anti: other apps do not matter": (far(term()), [running("q", "a1", "cache")], BOTH),
    "anti: one of two terms is enough": (
        far(term(), term(**expression("app", "In", "cache"))),
        [running("q", "a1"), running("r", "b1", "cache")],
        [],
    ),
    "anti: nodes without the label are free": (far(term("rack")), IN_A, BOTH),
    "anti: no selector matches no pod": (far(term(labelSelector=None)), IN_A, BOTH),
    "anti: an empty selector matches all pods": (far(term(labelSelector={})), IN_A, B),
    "near one and far from another": (
        near(term()) | far(term(HOSTNAME, **expression("app", "In", "cache"))),
        [running("q", "a1"), running("r", "a1", "cache")],
        ["a2"],
    ),
}


@pytest.mark.parametrize(("affinity", "there", "nodes"), AFFINITY.values(), ids=AFFINITY)
def test_where_it_may_go(affinity: Row, there: list[core.Pod], nodes: list[str]) -> None:
    found = bench(*zoned("a", "a", "b"), running=there, namespaces=NAMESPACES)
    assert fitting(found, make_pod("p", labels={"app": "web"}, affinity=affinity)) == nodes


FIRST = {
    "the first of those that want each other": (near(term()), {"app": "db"}, BOTH),
    "not one that is not meant itself": (near(term()), {"app": "web"}, []),
    "it must match all of its terms": (near(term(), term(**expression("tier", "Exists"))), {"app": "db"}, []),
    "the first needs the label of the topology too": (near(term("rack")), {"app": "db"}, []),
    "another namespace does not mean it": (near(term(namespaces=["other"])), {"app": "db"}, []),
}


@pytest.mark.parametrize(("affinity", "labels", "nodes"), FIRST.values(), ids=FIRST)
def test_the_first_of_its_kind(affinity: Row, labels: dict[str, str], nodes: list[str]) -> None:
    found = bench(*zoned("a", "a", "b"), namespaces=NAMESPACES)
    assert fitting(found, make_pod("p", labels=labels, affinity=affinity)) == nodes


def test_it_is_not_the_first_once_another_runs_even_out_of_reach() -> None:
    found = bench(*zoned("a"), make_node("bare"), running=[running("q", "bare")], namespaces=NAMESPACES)
    pod = make_pod("p", labels={"app": "db"}, affinity=near(term()))
    assert fitting(found, pod) == ["a1"]  # its node has no zone: it counts for none


IN_OTHER = [running("q", "a1", namespace="other")]
SPACES: dict[str, tuple[Row, list[core.Pod], list[str]]] = {
    "its own namespace when none is said": (term(), IN_OTHER, []),
    "namespaces that are named": (term(namespaces=["other"]), IN_OTHER, A),
    "those named, not its own": (term(namespaces=["other"]), IN_A, []),
    "several": (term(namespaces=["default", "other"]), IN_A, A),
    "namespaces by label": (term(namespaceSelector={"matchLabels": {"team": "b"}}), IN_OTHER, A),
    "namespaces by another label": (term(namespaceSelector={"matchLabels": {"team": "c"}}), IN_OTHER, []),
    "by label, not its own": (term(namespaceSelector={"matchLabels": {"team": "b"}}), IN_A, []),
    "an empty selector is all namespaces": (term(namespaceSelector={}), IN_OTHER, A),
    "named or by label": (
        term(namespaces=["default"], namespaceSelector={"matchLabels": {"team": "b"}}),
        [running("q", "a1"), running("r", "b1", namespace="other")],
        BOTH,
    ),
    "a namespace that there is not": (term(namespaces=["gone"]), IN_OTHER, []),
    "expressions over namespaces": (
        term(namespaceSelector={"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
        [running("q", "b1", namespace="third")],
        B,
    ),
}


@pytest.mark.parametrize(("wanted", "there", "nodes"), SPACES.values(), ids=SPACES)
def test_namespaces(wanted: Row, there: list[core.Pod], nodes: list[str]) -> None:
    found = bench(*zoned("a", "a", "b"), running=there, namespaces=NAMESPACES)
    assert fitting(found, make_pod("p", labels={"app": "web"}, affinity=near(wanted))) == nodes
    opposite = sorted(set(BOTH) - set(nodes))
    assert fitting(found, make_pod("p", labels={"app": "web"}, affinity=far(wanted))) == opposite


V1 = [running("q", "a1", labels={"version": "1"}), running("r", "b1", labels={"version": "2"})]
KEYS: dict[str, tuple[Row, dict[str, str], list[str]]] = {
    "matchLabelKeys: its own version": (term(matchLabelKeys=["version"]), {"version": "1"}, A),
    "matchLabelKeys: the other": (term(matchLabelKeys=["version"]), {"version": "2"}, B),
    "matchLabelKeys: a label that it has not is left out": (term(matchLabelKeys=["version"]), {}, BOTH),
    "matchLabelKeys: nobody of this version": (term(matchLabelKeys=["version"]), {"version": "3"}, []),
    "mismatchLabelKeys: not its own version": (term(mismatchLabelKeys=["version"]), {"version": "1"}, B),
    "mismatchLabelKeys: the other": (term(mismatchLabelKeys=["version"]), {"version": "2"}, A),
    "mismatchLabelKeys: a label that it has not is left out": (term(mismatchLabelKeys=["version"]), {}, BOTH),
}


@pytest.mark.parametrize(("wanted", "labels", "nodes"), KEYS.values(), ids=KEYS)
def test_keys_of_labels(wanted: Row, labels: dict[str, str], nodes: list[str]) -> None:
    """As the API stores them: merged into the selector of the term."""
    merged = dict(wanted)
    expressions = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in wanted.get(field, ())
        if key in labels
    ]
    merged["labelSelector"] = {**wanted["labelSelector"], "matchExpressions": expressions}
    found = bench(*zoned("a", "a", "b"), running=V1, namespaces=NAMESPACES)
    assert fitting(found, make_pod("p", labels={"app": "web", **labels}, affinity=near(merged))) == nodes


KEEPS_AWAY: dict[str, tuple[Row, dict[str, str], str, list[str]]] = {
    "whom a running pod wants far": (far(term()), {"app": "db"}, "default", B),
    "others it does not": (far(term()), {"app": "web"}, "default", BOTH),
    "from its host only": (far(term(HOSTNAME)), {"app": "db"}, "default", ["a2", "b1"]),
    "of its own namespace": (far(term()), {"app": "db"}, "other", BOTH),
    "of namespaces that it names": (far(term(namespaces=["other"])), {"app": "db"}, "other", B),
    "of namespaces by label": (
        far(term(namespaceSelector={"matchLabels": {"team": "b"}})),
        {"app": "db"},
        "other",
        B,
    ),
    "a running pod's affinity asks nothing of others": (near(term()), {"app": "web"}, "default", BOTH),
}


@pytest.mark.parametrize(("theirs", "labels", "namespace", "nodes"), KEEPS_AWAY.values(), ids=KEEPS_AWAY)
def test_anti_affinity_of_running_pods(
    theirs: Row, labels: dict[str, str], namespace: str, nodes: list[str]
) -> None:
    there = [running("q", "a1", "cache", affinity=theirs)]
    found = bench(*zoned("a", "a", "b"), running=there, namespaces=NAMESPACES)
    assert fitting(found, make_pod("p", labels=labels, namespace=namespace)) == nodes


def test_the_three_reasons() -> None:
    keeps_away = running("r", "b1", "cache", affinity=far(term(**expression("app", "In", "web"))))
    found = bench(*zoned("a", "b", "c"), running=[running("q", "a1"), keeps_away], namespaces=NAMESPACES)
    wants = near(term(labelSelector={})) | far(term())
    assert why(found, make_pod("p", labels={"app": "web"}, affinity=wants)) == [
        "1 node(s) didn't match pod affinity rules",
        "1 node(s) didn't match pod anti-affinity rules",
        "1 node(s) didn't satisfy existing pods anti-affinity rules",
    ]


def likes(weight: int, **more: Any) -> Row:
    row = {"weight": weight, "podAffinityTerm": term(**more)}
    return {"podAffinity": {PREFERRED: [row]}}


def dislikes(weight: int, **more: Any) -> Row:
    row = {"weight": weight, "podAffinityTerm": term(**more)}
    return {"podAntiAffinity": {PREFERRED: [row]}}


# What the pod prefers, what runs -> scores of a1, a2 and b1 (times the weight 2 of the plugin).
PREFERENCES: dict[str, tuple[Row, list[core.Pod], tuple[int, int, int]]] = {
    "the zone of the other pod": (likes(1), IN_A, (200, 200, 0)),
    "its host": (likes(1, key=HOSTNAME), IN_A, (200, 0, 0)),
    "the weight alone does not matter": (likes(100), IN_A, (200, 200, 0)),
    "more company is better": (
        likes(1),
        [running("q", "a1"), running("r", "a2"), running("s", "b1")],
        (200, 200, 0),
    ),
    "not in its zone": (dislikes(1), IN_A, (0, 0, 200)),
    "not on its host": (dislikes(1, key=HOSTNAME), IN_A, (0, 200, 200)),
    "likes and dislikes are summed up": (
        likes(10) | dislikes(4, key=HOSTNAME),
        IN_A,
        (120, 200, 0),
    ),
    "two likes": (
        {
            "podAffinity": {
                PREFERRED: [
                    {"weight": 2, "podAffinityTerm": term()},
                    {"weight": 1, "podAffinityTerm": term(HOSTNAME)},
                ]
            }
        },
        IN_A,
        (200, 132, 0),
    ),
    "another namespace": (likes(1), IN_OTHER, (0, 0, 0)),
    "a running pod likes it": (
        {},
        [running("q", "b1", "x", affinity=likes(1, **expression("app", "In", "web")))],
        (0, 0, 200),
    ),
    "a running pod dislikes it": (
        {},
        [running("q", "b1", "x", affinity=dislikes(1, **expression("app", "In", "web")))],
        (200, 200, 0),
    ),
    "a running pod requires it: weight 1": (
        {},
        [running("q", "b1", "x", affinity=near(term(**expression("app", "In", "web"))))],
        (0, 0, 200),
    ),
    "both ways are summed up": (
        likes(1),
        [running("q", "a1"), running("r", "b1", "x", affinity=likes(2, **expression("app", "In", "web")))],
        (0, 0, 200),  # 1, 1 and 2, from the least to the most
    ),
}


@pytest.mark.parametrize(("affinity", "there", "scores"), PREFERENCES.values(), ids=PREFERENCES)
def test_preferences(affinity: Row, there: list[core.Pod], scores: tuple[int, int, int]) -> None:
    found = bench(*zoned("a", "a", "b"), running=there, namespaces=NAMESPACES)
    got = worth("InterPodAffinity", found, make_pod("p", labels={"app": "web"}, affinity=affinity))
    assert tuple(got.get(name, 0) for name in BOTH) == scores

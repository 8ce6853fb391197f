"""The fast scheduler equals the obvious one on random clusters: where a pod may run, why not, how good each
node is, and what is chosen; a group equals its pods one by one; a table kept by events equals one built
afresh.

CLUSTERS in the environment: how many random clusters the first test tries, the others in proportion.
"""

import os
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Decision, PendingPod, Placed, Unschedulable
from control_plane.scheduler.evaluate import explain, feasible, look, total_score
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.preemption import Budget, preempt
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.selectors import Requirement, Selector, compile_selector
from control_plane.scheduler.shaping import Shapes
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.unit.control_plane.scheduler.objects_for_scheduling import key_of
from tests.unit.control_plane.scheduler.random_clusters import CONTROLLERS, NAMESPACES, Generator
from tests.unit.control_plane.scheduler.reference import Reference, Running

SEEDS = st.integers(0, 2**32 - 1)
CLUSTERS = int(os.environ.get("CLUSTERS", "120"))


class Both:
    """One cluster, in the fast form and in the obvious one."""

    def __init__(self) -> None:
        self.fast = Cluster()
        self.plain = Reference(namespaces=dict(NAMESPACES))
        self.shapes = Shapes()
        self.budgets: list[Budget] = []
        for name, labels in NAMESPACES.items():
            self.fast.put_namespace(name, labels)
        for uid, match_labels in CONTROLLERS.items():
            selector = meta.LabelSelector(matchLabels=match_labels)
            self.fast.default_selectors.put_controller(uid, compile_selector(selector))
            self.plain.controllers[uid] = selector

    def put_node(self, node: core.Node) -> None:
        self.fast.put_node(node_facts(node))
        self.plain.nodes[node.metadata.name] = node

    def remove_node(self, name: str) -> None:
        self.fast.remove_node(name)
        del self.plain.nodes[name]

    def put_service(self, namespace: str, name: str, selector: dict[str, str]) -> None:
        self.fast.default_selectors.put_service(namespace, name, selector)
        self.plain.services[namespace, name] = selector

    def place(self, pod: core.Pod, node: str, terminating: bool = False) -> None:
        self.remove_pod(pod)
        self.fast.put_pod(
            PlacedPod(key_of(pod), pod.metadata.uid, self.shapes.of(pod), node, terminating=terminating)
        )
        self.plain.running.append(Running(pod, node, terminating))

    def remove_pod(self, pod: core.Pod) -> None:
        self.fast.remove_pod(key_of(pod))
        uid = pod.metadata.uid
        self.plain.running = [other for other in self.plain.running if other.pod.metadata.uid != uid]

    def namespaced_budget(self, generator: Generator) -> None:
        """Protect some of the pods of one namespace."""
        selector = Selector((Requirement("app", "In", ("web",)),))
        self.budgets = [Budget("ns-a", selector, generator.random.choice((0, 1)))]

    def pending(self, pod: core.Pod) -> PendingPod:
        return PendingPod(key_of(pod), pod.metadata.uid, self.shapes.of(pod))


def build(generator: Generator) -> Both:
    both, r = Both(), generator.random
    for number in range(1, r.randrange(2, 9)):
        both.put_node(generator.node(f"n{number}"))
    for _ in range(r.randrange(0, 3)):
        both.put_service(*generator.service())
    names = list(both.plain.nodes)
    for _ in range(r.randrange(0, 14)):
        both.place(generator.pod(), r.choice(names), terminating=generator.chance(0.1))
    return both


def check_same(both: Both, pod: core.Pod) -> None:
    """Feasible set, reasons, scores and choice for one pod."""
    waiting = both.pending(pod)
    view = look(both.fast, waiting.shape)
    mask = feasible(view, DEFAULT)
    ours = {view.nodes.names[row]: row for row in np.flatnonzero(mask).tolist()}
    nodes = both.plain.feasible(pod)
    assert sorted(ours) == sorted(node.metadata.name for node in nodes)
    if not nodes:
        assert explain(both.fast, waiting, DEFAULT).counts == both.plain.counts(pod)
        return
    totals = both.plain.scores(pod, nodes)
    vector = total_score(view, DEFAULT, mask)
    assert {name: int(vector[row]) for name, row in ours.items()} == totals
    (decision,) = decide(both.fast, [waiting], DEFAULT)
    assert isinstance(decision, Placed)
    assert totals[decision.node] == max(totals.values())
    assert both.fast.undo(waiting.key, waiting.uid)


@settings(max_examples=CLUSTERS, deadline=None)
@given(SEEDS)
def test_equals_the_reference(seed: int) -> None:
    generator = Generator(seed)
    both = build(generator)
    for _ in range(4):
        check_same(both, generator.pod(plain=0.1))


@settings(max_examples=max(15, CLUSTERS // 16), deadline=None)
@given(SEEDS)
def test_equals_the_reference_after_many_events(seed: int) -> None:
    generator = Generator(seed)
    both, r = build(generator), generator.random
    pods = [running.pod for running in both.plain.running]
    probes = [generator.pod(plain=0.0) for _ in range(4)]
    for step in range(120):
        names = list(both.plain.nodes)
        action = r.random()
        if action < 0.05:
            both.put_service(*generator.service())
        elif action < 0.15 and len(names) > 1:
            both.remove_node(r.choice(names))
        elif action < 0.4:
            both.put_node(generator.node(f"n{r.randrange(1, 12)}"))
        elif action < 0.75:
            pod = r.choice(pods) if pods and generator.chance(0.4) else generator.pod()
            both.place(pod, f"n{r.randrange(1, 12)}", terminating=generator.chance(0.1))
            pods.append(pod)
        elif pods:
            both.remove_pod(pods.pop(r.randrange(len(pods))))
        if step % 12 == 0:
            check_same(both, r.choice(probes))
    assert_same_table(both.fast, rebuilt(both.fast))


def rebuilt(cluster: Cluster) -> Cluster:
    """The same cluster, built afresh from what is known."""
    fresh = Cluster()
    for facts in cluster.nodes.facts:
        if facts is not None:
            fresh.put_node(facts)
    for pod in cluster.pods.values():
        fresh.put_pod(pod)
    for name, labels in cluster.namespaces.items():
        fresh.put_namespace(name, labels)
    return fresh


def assert_same_table(left: Cluster, right: Cluster) -> None:
    assert left.nodes.rows.keys() == right.nodes.rows.keys()
    for name, row in left.nodes.rows.items():
        other = right.nodes.rows[name]
        for resource, index in left.nodes.resources.items():
            if resource in right.nodes.resources:
                assert left.nodes.free[index, row] == right.nodes.free_of(resource)[other]
            else:
                assert left.nodes.requested[index, row] == 0
        assert left.nodes.scored_free[:, row].tolist() == right.nodes.scored_free[:, other].tolist()
    dead = ~left.nodes.alive
    assert not left.nodes.requested[:, dead].any()
    assert not left.nodes.allocatable[:, dead].any()
    assert left.population.anti_terms == right.population.anti_terms
    assert left.population.score_terms == right.population.score_terms


@settings(max_examples=max(60, CLUSTERS // 8), deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(0, 8))
def test_a_group_is_placed_as_one_by_one(seed: int, copies: int, rotation: int) -> None:
    generator = Generator(seed)
    nodes = [generator.node(f"n{number}") for number in range(1, generator.random.randrange(2, 9))]
    running = [(generator.pod(), generator.random.choice(nodes)) for _ in range(6)]
    template = generator.pod(plain=0.6)

    def fresh() -> tuple[Cluster, list[PendingPod]]:
        both = Both()
        for node in nodes:
            both.put_node(node)
        for pod, node in running:
            both.place(pod, node.metadata.name)
        shape = both.shapes.of(template)
        return both.fast, [PendingPod(f"ns/copy{number}", str(number), shape) for number in range(copies)]

    grouped, pods = fresh()
    together = decide(grouped, pods, DEFAULT, rotation)
    single, pods = fresh()
    apart = [decision for pod in pods for decision in decide(single, [pod], DEFAULT, rotation)]
    assert summary(together) == summary(apart)
    assert_same_table(grouped, single)


def summary(decisions: Sequence[Decision]) -> list[object]:
    return [
        (d.pod.key, d.message, d.wakes) if isinstance(d, Unschedulable) else (d.pod.key, d.node)
        for d in decisions
    ]


@settings(max_examples=max(20, CLUSTERS // 16), deadline=None)
@given(SEEDS)
def test_assumptions_taken_back_leave_no_trace(seed: int) -> None:
    generator = Generator(seed)
    both = build(generator)
    before = rebuilt(both.fast)
    pods = [both.pending(generator.pod()) for _ in range(10)]
    for decision in decide(both.fast, pods, DEFAULT):
        if isinstance(decision, Placed):
            assert both.fast.undo(decision.pod.key, decision.pod.uid)
        else:
            assert isinstance(decision, Unschedulable)
    assert both.fast.pods == before.pods
    assert_same_table(both.fast, before)


@settings(max_examples=max(100, CLUSTERS // 8), deadline=None)
@given(SEEDS)
def test_a_preemption_makes_room_with_as_few_victims_as_can_be(seed: int) -> None:
    """Once its victims are gone the pod fits on the node; with any of them back it does not. Thinking about
    it changes nothing."""
    generator = Generator(seed)
    both, r = build(generator), generator.random
    for running in list(both.plain.running):
        running.pod.spec.priority = r.choice((0, 5, 10))
        both.place(running.pod, running.node)
    pod = generator.pod(plain=0.5)
    pod.spec.priority = r.choice((5, 10, 20))
    both.namespaced_budget(generator)
    (refusal,) = decide(both.fast, [both.pending(pod)], DEFAULT)
    if not isinstance(refusal, Unschedulable):
        return
    before = rebuilt(both.fast)
    found = preempt(both.fast, refusal, DEFAULT, both.budgets, r.randrange(9))
    assert both.fast.pods == before.pods
    assert_same_table(both.fast, before)
    if found is None:
        return
    lower = [o for o in both.plain.running if o.pod.spec.priority < pod.spec.priority]
    victims = {victim.key for victim in found.victims}
    assert victims <= {key_of(o.pod) for o in lower if o.node == found.node}
    node = both.plain.nodes[found.node]
    gone = [o for o in both.plain.running if key_of(o.pod) in victims]
    both.plain.running = [o for o in both.plain.running if key_of(o.pod) not in victims]
    assert both.plain.refusals(pod, node) == []
    for one in gone:
        both.plain.running.append(one)
        assert both.plain.refusals(pod, node) != []
        both.plain.running.remove(one)


@settings(max_examples=max(60, CLUSTERS // 8), deadline=None)
@given(SEEDS)
def test_what_is_remembered_of_preempting_is_what_is_found_anew(seed: int) -> None:
    generator = Generator(seed)
    both, r = build(generator), generator.random
    for running in list(both.plain.running):
        running.pod.spec.priority = r.choice((0, 5, 10))
        both.place(running.pod, running.node)
    pods = [generator.pod(plain=0.8) for _ in range(3)]
    for pod in pods:
        pod.spec.priority = 20
    both.namespaced_budget(generator)
    for _ in range(12):
        (refusal,) = decide(both.fast, [both.pending(r.choice(pods))], DEFAULT)
        if isinstance(refusal, Unschedulable):
            start = r.randrange(9)
            found = preempt(both.fast, refusal, DEFAULT, both.budgets, start)
            assert found == preempt(rebuilt(both.fast), refusal, DEFAULT, both.budgets, start)
            if found is not None and r.random() < 0.7:
                both.fast.remove_pod(found.victims[0].key)
        else:
            both.fast.undo(refusal.pod.key, refusal.pod.uid)
        if r.random() < 0.3:
            both.namespaced_budget(generator)


def test_undo_never_takes_a_pod_off_that_is_known_to_be_bound() -> None:
    generator = Generator(1)
    both = build(generator)
    both.put_node(generator.node("n1"))
    pod = generator.pod()
    both.place(pod, "n1")
    assert not both.fast.undo(key_of(pod), pod.metadata.uid)
    known = both.fast.pods[key_of(pod)]
    both.fast.put_pod(known._replace(assumed=True))
    assert not both.fast.undo(key_of(pod), "another uid")
    assert both.fast.undo(key_of(pod), pod.metadata.uid)

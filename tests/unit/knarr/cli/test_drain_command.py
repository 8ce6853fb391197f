"""knarr drain: which pods leave, and drains run against a server."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from knarr.api.codec import from_dict
from knarr.cli.decisions.draining import Permissions, judge
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from tests.support.cli import Cli

NOW = 1_000_000.0
MANAGED = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}]}
DAEMON = {"ownerReferences": [{"kind": "DaemonSet", "name": "log", "uid": "u", "controller": True}]}
EMPTY_DIR = {"volumes": [{"name": "cache", "emptyDir": {}}]}


def pod(
    metadata: Mapping[str, Any] = MANAGED, spec: Mapping[str, Any] | None = None, phase: str = "Running"
) -> core.Pod:
    value = {
        "metadata": {"name": "p", "namespace": "ns", **metadata},
        "spec": spec or {},
        "status": {"phase": phase},
    }
    return from_dict(value, core.Pod)


ALL = Permissions(ignore_daemonsets=True, delete_emptydir_data=True, force=True)
ENDING = {**MANAGED, "deletionTimestamp": "1970-01-12T13:46:00Z"}  # 40 s before NOW


@pytest.mark.parametrize(
    ("found", "permitted", "leaves", "warnings", "refusals"),
    [
        pytest.param(pod(), Permissions(), True, "", "", id="managed"),
        pytest.param(pod(DAEMON), Permissions(), False, "", "--ignore-daemonsets", id="daemon"),
        pytest.param(pod(DAEMON), ALL, False, "DaemonSets put them there: ns/p", "", id="daemon-ignored"),
        pytest.param(pod(DAEMON, phase="Failed"), Permissions(), True, "", "", id="daemon-finished"),
        pytest.param(
            pod({"ownerReferences": [{**DAEMON["ownerReferences"][0], "name": "gone"}]}),
            Permissions(ignore_daemonsets=True),
            False,
            "",
            "--force",
            id="daemon-set-gone",
        ),
        pytest.param(pod({}), Permissions(), False, "", "--force", id="unmanaged"),
        pytest.param(pod({}), ALL, True, "deleted for good", "", id="unmanaged-forced"),
        pytest.param(pod({}, phase="Succeeded"), Permissions(), True, "", "", id="unmanaged-finished"),
        pytest.param(pod(spec=EMPTY_DIR), Permissions(), False, "", "--delete-emptydir-data", id="data"),
        pytest.param(pod(spec=EMPTY_DIR), ALL, True, "is lost: ns/p", "", id="data-lost"),
        pytest.param(
            pod({"annotations": {"kubernetes.io/config.mirror": "x"}}),
            Permissions(),
            False,
            "",
            "",
            id="mirror",
        ),
        pytest.param(pod(ENDING), Permissions(skip_deleted_after_s=30), False, "", "", id="ending-long"),
        pytest.param(pod(ENDING), Permissions(skip_deleted_after_s=50), True, "", "", id="ending"),
    ],
)
def test_which_pods_leave(
    found: core.Pod, permitted: Permissions, leaves: bool, warnings: str, refusals: str
) -> None:
    verdicts = judge([found], {("ns", "log")}, permitted, NOW)
    assert (verdicts.leave == [found]) is leaves
    assert warnings in " ".join(verdicts.warnings)
    assert refusals in " ".join(verdicts.refusals)
    assert (bool(verdicts.warnings), bool(verdicts.refusals)) == (bool(warnings), bool(refusals))


def make_node(cli: Cli, name: str) -> None:
    cli.make(f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{drained: {name}}}}}\n")


def make_pod(cli: Cli, name: str, node: str, metadata: Mapping[str, Any] = MANAGED) -> core.Pod:
    """A pod that runs on the node and is ready."""
    value = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "web"},
            **json.loads(json.dumps(metadata).replace('"kind"', '"apiVersion": "apps/v1", "kind"')),
        },
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "nginx"}],
        },
    }
    cli.make(json.dumps(value))
    made = cli.get(core.Pod, name)
    made.status.phase = "Running"
    made.status.conditions.add(type="Ready", status="True")
    return cli.set_status(made)


def is_there(cli: Cli, name: str) -> bool:
    try:
        cli.get(core.Pod, name)
    except NotFound:
        return False
    return True


def test_a_node_is_cordoned_and_emptied(cli: Cli) -> None:
    make_node(cli, "drain-a")
    make_pod(cli, "web-1", "drain-a")
    make_pod(cli, "web-2", "drain-a")
    rehearsal = cli.done("drain", "drain-a", "--dry-run")
    assert "pod/web-1 evicted (server dry run)" in rehearsal.splitlines()
    assert is_there(cli, "web-1")
    assert sorted(cli.done("drain", "-l", "drained=drain-a").splitlines()) == [
        "node/drain-a cordoned",
        "node/drain-a drained",
        "pod/web-1 evicted",
        "pod/web-2 evicted",
    ]
    assert not is_there(cli, "web-1")
    assert cli.get(core.Node, "drain-a").spec.unschedulable


def test_nothing_is_evicted_where_something_would_be_lost(cli: Cli) -> None:
    make_node(cli, "drain-b")
    make_pod(cli, "web-1", "drain-b")
    make_pod(cli, "alone", "drain-b", {})
    outcome = cli("drain", "drain-b")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "node/drain-b cannot be drained; it is cordoned, and nothing was evicted",
        f"no controller makes them anew elsewhere (--force deletes them for good): {cli.namespace}/alone",
    ]
    assert is_there(cli, "web-1")
    assert cli("drain", "drain-b", "--force").code == 0
    assert not is_there(cli, "alone")


def test_a_disruption_budget_is_waited_for(cli: Cli) -> None:
    make_node(cli, "drain-c")
    make_pod(cli, "web-1", "drain-c")
    cli.make(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
        "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n"
    )
    budget = cli.get(policy.PodDisruptionBudget, "web")
    budget.status.observedGeneration = budget.metadata.generation
    budget.status.desiredHealthy = budget.status.currentHealthy = budget.status.expectedPods = 1
    budget = cli.set_status(budget)
    outcome = cli("drain", "drain-c", "--timeout=4s")
    assert outcome.code == 3
    why = "The disruption budget web needs 1 healthy pods and has 1 currently"
    assert outcome.err.splitlines() == [
        f"Warning: pod {cli.namespace}/web-1 may not be evicted yet: {why}",
        "timed out after 4 s; still there:",
        f"  pod {cli.namespace}/web-1: {why}",
    ]
    assert is_there(cli, "web-1")
    budget.status.disruptionsAllowed = 1
    cli.set_status(budget)
    assert "pod/web-1 evicted" in cli.done("drain", "drain-c")


def test_budgets_may_be_overruled(cli: Cli) -> None:
    make_node(cli, "drain-d")
    make_pod(cli, "web-1", "drain-d")
    assert "pod/web-1 deleted" in cli.done("drain", "drain-d", "--disable-eviction").splitlines()
    assert not is_there(cli, "web-1")


def test_nodes_are_named_or_selected(cli: Cli) -> None:
    assert cli("drain").code == 2
    assert cli("drain", "nobody").code == 1

"""Whatever words a command is given, it ends with an exit code and a reason, never with an internal error."""

import json
import shlex
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.support.cli import Cli, api_server

COMMANDS = shlex.split(
    "annotate api-resources apply autoscale completion cordon create delete describe diff drain events "
    "explain get label patch replace rollout scale set taint uncordon wait"
)
WORDS = shlex.split(
    "pods po deploy cm nodes all ns web pod/web cm/settings deploy/web node/a / a=b a- a=b:NoExecute "
    "image env resources status history undo restart pause namespace configmap secret generic job quota "
    "pod.spec '' deployment.spec.template -f - -l -A -R -o -o=json -o=wide -p {} [] '{spec: {replicas: "
    "2}}' --all --force --dry-run --dry-run=client --output yaml name jsonpath={.items[*]} "
    "custom-columns=A:.b --sort-by .metadata.name --timeout=50ms --for=delete --for=condition=Ready "
    "--for=create --replicas=1 --max=3 --type=merge --list --recursive --image=x --from-literal=a=b "
    "--hard=pods=1 --prune --wait=false --no-headers --show-labels '--selector=a in (b)' "
    "--field-selector=metadata.name=web --chunk-size=1 --to-revision=1 --overwrite -- bash é"
)
FILE_COMMANDS = (
    "apply",
    "apply --validate=warn",
    "create",
    "create --dry-run=client -o yaml",
    "replace",
    "diff",
    "delete --wait=false",
    "get",
    "label a=b",
)
KINDS = ("ConfigMap", "Pod", "Deployment", "Namespace", "List")
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"


@pytest.fixture(scope="module")
def anybody() -> Iterator[Cli]:
    with api_server() as server:
        yield Cli(server, "anybody")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.sampled_from(COMMANDS),
    some.lists(some.sampled_from(WORDS), max_size=5),
    some.sampled_from([MANIFEST, "", "a: [", "kind: Pod\n"]),
)
def test_words(anybody: Cli, command: str, words: list[str], manifest: str) -> None:
    outcome = anybody(
        command, *words, "--wait=false" if command == "delete" else "--request-timeout=5s", given=manifest
    )
    assert outcome.code in (0, 1, 2, 3), outcome.err
    assert "internal error" not in outcome.err
    assert outcome.code == 0 or outcome.err or command == "diff"


VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=4),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
DOCUMENTS = some.fixed_dictionaries(
    {"apiVersion": some.sampled_from(["v1", "apps/v1"]) | VALUES, "kind": some.sampled_from(KINDS) | VALUES},
    optional={
        "metadata": some.fixed_dictionaries({"name": some.just("x") | VALUES}, optional={"labels": VALUES})
        | VALUES,
        "spec": VALUES,
        "data": VALUES,
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.sampled_from(FILE_COMMANDS), DOCUMENTS.map(json.dumps) | some.text(max_size=30))
def test_documents(anybody: Cli, command: str, manifest: str) -> None:
    outcome = anybody(*shlex.split(command), "-f", "-", given=manifest)
    assert outcome.code in (0, 1, 2), outcome.err
    assert "internal error" not in outcome.err

"""knarr apply, run against a server."""

from pathlib import Path

import pytest

from knarr.errors import NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli


def config_map(name: str, value: str = "1", label: str = "") -> str:
    labels = f"\n  labels: {{app: {label}}}" if label else ""
    return f"""---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}{labels}
data:
  key: "{value}"
"""


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: nginx}]
"""


def exists(cli: Cli, name: str) -> bool:
    try:
        cli.get(core.ConfigMap, name)
    except NotFound:
        return False
    return True


def test_created_configured_unchanged(cli: Cli) -> None:
    apply = ("apply", "-f", "-")
    assert cli.done(*apply, given=config_map("a")) == "configmap/a created\n"
    assert cli.done(*apply, given=config_map("a")) == "configmap/a unchanged\n"
    assert cli.done(*apply, given=config_map("a", "2")) == "configmap/a configured\n"
    assert cli.get(core.ConfigMap, "a").data["key"] == "2"


@pytest.mark.parametrize(
    ("option", "suffix"),
    [
        ("--dry-run", "server dry run"),
        ("--dry-run=client", "dry run"),
        ("--dry-run=server", "server dry run"),
    ],
)
def test_a_dry_run_changes_nothing(cli: Cli, option: str, suffix: str) -> None:
    done = cli.done("apply", "-f", "-", option, given=config_map("a"))
    assert done == f"configmap/a created ({suffix})\n"
    assert not exists(cli, "a")


def test_folders_and_folders_below_them(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.yaml").write_text(config_map("a"))
    (tmp_path / "below" / "b.yml").write_text(config_map("b"))
    (tmp_path / "notes.txt").write_text("no manifest")
    assert cli.done("apply", "-f", str(tmp_path)) == "configmap/a created\n"
    assert cli.done("apply", "-R", "-f", str(tmp_path)) == "configmap/a unchanged\nconfigmap/b created\n"


def test_every_problem_is_told_and_nothing_done(cli: Cli) -> None:
    broken = config_map("a") + config_map("b").replace("\ndata:", "\ndat:") + config_map("C")
    outcome = cli("apply", "-f", "-", given=broken)
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "stdin:14:3: dat: unknown field; did you mean data?",
        "nothing was applied",
    ]
    outcome = cli("apply", "-f", "-", given=config_map("a") + config_map("C"))
    assert outcome.code == 1
    assert outcome.err.startswith("stdin:12:9: configmap/C: metadata.name: Invalid value")
    assert not exists(cli, "a")


def test_unknown_fields_may_be_let_through(cli: Cli) -> None:
    text = config_map("a").replace("\ndata:", "\ndat: 1\ndata:")
    outcome = cli("apply", "-f", "-", "--validate=warn", given=text)
    assert (outcome.code, outcome.out) == (0, "configmap/a created\n")
    assert outcome.err == "Warning: configmap/a: dat: unknown field; did you mean data?\n"
    assert cli("apply", "-f", "-", "--validate=ignore", given=text).err == ""


def test_a_field_of_another_manager(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=DEPLOYMENT)
    cli.done(
        "apply", "-f", "-", "--field-manager=scaler", "--force-conflicts", given=DEPLOYMENT.replace("2", "5")
    )
    outcome = cli("apply", "-f", "-", given=DEPLOYMENT.replace("2", "3"))
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        'stdin:6:13: deployment.apps/web: .spec.replicas is owned by "scaler"',
        "leave these fields out of the file, or take them over with --force-conflicts",
        "nothing was applied",
    ]
    cli.done("apply", "-f", "-", "--force-conflicts", given=DEPLOYMENT.replace("2", "3"))
    assert cli.get(apps.Deployment, "web").spec.replicas == 3


def test_what_get_printed_can_be_applied_until_it_is_old(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=config_map("a"))
    printed = cli.done("get", "cm", "a", "-o", "yaml")
    assert cli.done("apply", "-f", "-", given=printed) == "configmap/a unchanged\n"
    cli.done("apply", "-f", "-", given=config_map("a", "2"))
    old = cli("apply", "-f", "-", given=printed)
    assert old.code == 1
    assert "the file has metadata.resourceVersion" in old.err


def test_a_namespace_is_made_before_what_is_in_it(cli: Cli) -> None:
    text = config_map("a").replace("name: a", "name: a\n  namespace: made-by-apply")
    text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: made-by-apply}\n"
    wrong = cli("apply", "-f", "-", given=text)
    assert "must be the same" in wrong.err  # -n says another
    arguments = ("apply", "-f", "-", "-n", "made-by-apply")
    lines = ["namespace/made-by-apply created", "configmap/a created"]
    assert cli.done(*arguments, "--dry-run=client", given=text).splitlines() == [
        f"{line} (dry run)" for line in lines
    ]
    assert cli.done(*arguments, given=text).splitlines() == lines


def test_what_a_pod_needs_may_come_with_it(cli: Cli) -> None:
    text = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  priorityClassName: made-with-its-pod
  serviceAccountName: builder
  containers: [{name: main, image: nginx}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: builder}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: made-with-its-pod}
value: 7
"""
    lines = [
        "priorityclass.scheduling.k8s.io/made-with-its-pod created",
        "serviceaccount/builder created",
        "pod/web created",
    ]
    rehearsed = cli.done("apply", "-f", "-", "--dry-run", given=text).splitlines()
    assert rehearsed == [f"{line} (server dry run)" for line in lines]
    assert cli.done("apply", "-f", "-", given=text).splitlines() == lines
    pod = text.partition("---")[0].replace("made-with-its-pod", "other").replace("name: web", "name: db")
    alone = cli("apply", "-f", "-", given=pod)
    assert alone.code == 1
    assert "no PriorityClass with name other was found" in alone.err


def test_objects_instead_of_lines(cli: Cli) -> None:
    shown = cli.done("apply", "-f", "-", "-o", "jsonpath={.data.key}", given=config_map("a", "7"))
    assert shown == "7"


def test_only_what_has_the_labels(cli: Cli) -> None:
    text = config_map("a", label="web") + config_map("b", label="db")
    assert cli.done("apply", "-f", "-", "-l", "app=db", given=text) == "configmap/b created\n"
    assert cli("apply", "-f", "-", "-l", "app=none", given=text).code == 1


def test_prune_deletes_what_was_applied_and_is_gone_from_the_files(cli: Cli) -> None:
    prune = ("apply", "-f", "-", "--prune", "-l", "app=web")
    keep, drop = config_map("keep", label="web"), config_map("drop", label="web")
    other_label, own = config_map("other", label="db"), config_map("own", label="web")
    cli.done("apply", "-f", "-", given=keep + drop + other_label)
    cli.make(own)  # nobody applied it
    cli.done("apply", "-f", "-", "--field-manager=ci", given=config_map("theirs", label="web"))
    assert cli.done(*prune, "--dry-run", given=keep).splitlines() == [
        "configmap/keep unchanged (server dry run)",
        "configmap/drop pruned (server dry run)",
    ]
    assert cli.done(*prune, given=keep).splitlines() == ["configmap/keep unchanged", "configmap/drop pruned"]
    assert not exists(cli, "drop")
    assert all(exists(cli, name) for name in ("keep", "other", "own", "theirs"))


def test_prune_refuses_what_may_be_an_accident(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=config_map("a", label="web"))
    assert cli("apply", "-f", "-", "--prune", given=config_map("b", label="web")).code == 2
    mixed = cli(
        "apply", "-f", "-", "--prune", "-l", "app=web", given=config_map("b", label="web") + config_map("c")
    )
    assert mixed.code == 1
    assert 'configmap/c has not the labels "app=web"' in mixed.err
    bad = config_map("b", label="web").replace("\ndata:", "\ndat:")
    assert cli("apply", "-f", "-", "--prune", "-l", "app=web", given=bad).code == 1
    assert exists(cli, "a")


def test_prune_of_named_kinds_only(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=config_map("a", label="web"))
    text = config_map("b", label="web").replace("ConfigMap", "Secret").replace("\ndata", "\nstringData")
    arguments = ("apply", "-f", "-", "--prune", "-l", "app=web", "--prune-allowlist", "core/v1/Secret")
    assert cli.done(*arguments, given=text) == "secret/b created\n"
    assert exists(cli, "a")


def test_wait_ends_with_the_reason_when_time_is_over(cli: Cli) -> None:
    outcome = cli("apply", "-f", "-", "--wait", "--timeout=0.3s", given=DEPLOYMENT)
    assert (outcome.code, outcome.out) == (3, "deployment.apps/web created\n")
    assert "timed out after 0.3 s waiting for deployment.apps/web" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["-k", "overlays"], ["-f", "-", "--server-side=false"], ["-f", "-", "-l", "a in b"]],
    ids=["nothing", "kustomize", "client-side", "selector"],
)
def test_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    assert cli("apply", *arguments, given=config_map("a")).code == 2

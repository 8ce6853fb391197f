"""knarr get, run against a server."""

import json

import pytest

from tests.support.cli import Cli


def config_map(name: str, **labels: str) -> str:
    metadata = {"name": name, "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": name}})


def pod(name: str) -> str:
    spec = {"containers": [{"name": "main", "image": "nginx"}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def test_a_table_with_columns_of_the_servers(cli: Cli) -> None:
    cli.make(pod("web-1"))
    header, row = cli.done("get", "pods").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[:4] == ["web-1", "0/1", "Pending", "0"]
    assert "NODE" in cli.done("get", "po", "-o", "wide")


def test_several_kinds_are_several_tables(cli: Cli) -> None:
    cli.make(pod("web-1"))
    cli.make(config_map("settings"))
    lines = cli.done("get", "po,cm", "--no-headers").splitlines()
    assert [line.split()[0] if line else "" for line in lines] == ["pod/web-1", "", "configmap/settings"]


def test_nothing_there(cli: Cli) -> None:
    outcome = cli("get", "pods")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == f"No resources found in {cli.namespace} namespace.\n"
    assert cli("get", "pods", "--ignore-not-found").err == ""
    assert cli("get", "pv").err == "No resources found.\n"


def test_what_is_found_is_shown_and_what_is_not_is_told(cli: Cli) -> None:
    cli.make(config_map("here"))
    outcome = cli("get", "cm", "here", "gone", "--no-headers")
    assert outcome.code == 1
    assert outcome.out.split()[0] == "here"
    assert outcome.err == 'Error from server (NotFound): configmaps "gone" not found\n'
    assert cli("get", "cm", "here", "gone", "--ignore-not-found").code == 0


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("name", "configmap/a\nconfigmap/b\n"),
        ("jsonpath={.items[*].data.key}", "a b"),
        ("jsonpath={range .items[*]}{.metadata.name}{'\\n'}{end}", "a\nb\n"),
        ("custom-columns=NAME:.metadata.name,KEY:.data.key", "NAME   KEY\na      a\nb      b\n"),
        ("custom-columns=NONE:.data.nothing", "NONE\n<none>\n<none>\n"),
    ],
)
def test_formats(cli: Cli, format: str, expected: str) -> None:
    cli.make(config_map("a"))
    cli.make(config_map("b"))
    assert cli.done("get", "cm", "-o", format) == expected


def test_json_is_one_object_for_a_name_and_a_list_for_a_kind(cli: Cli) -> None:
    cli.make(config_map("a"))
    assert json.loads(cli.done("get", "cm", "a", "-o", "json"))["data"] == {"key": "a"}
    listed = json.loads(cli.done("get", "cm", "-o", "json"))
    assert (listed["kind"], [item["kind"] for item in listed["items"]]) == ("List", ["ConfigMap"])


def test_managed_fields_only_when_asked_for(cli: Cli) -> None:
    cli.make(config_map("a"))
    assert "managedFields" not in cli.done("get", "cm", "a", "-o", "yaml")
    assert "managedFields" in cli.done("get", "cm", "a", "-o", "yaml", "--show-managed-fields")


def test_sorting_counts_numbers_in_names(cli: Cli) -> None:
    for name in ("web-10", "web-2", "web-1"):
        cli.make(config_map(name))
    shown = cli.done("get", "cm", "--no-headers", "--sort-by", "{.metadata.name}")
    assert [line.split()[0] for line in shown.splitlines()] == ["web-1", "web-2", "web-10"]
    assert cli.done("get", "cm", "-o", "name", "--sort-by=.metadata.name").split()[1] == "configmap/web-2"
    assert cli("get", "cm", "--sort-by", "{.metadata[").code == 2


def test_labels(cli: Cli) -> None:
    cli.make(config_map("a", app="web"))
    cli.make(config_map("b", app="db"))
    assert cli.done("get", "cm", "-l", "app=db", "--no-headers").split()[0] == "b"
    header, first, _ = cli.done("get", "cm", "-L", "app", "--show-labels").splitlines()
    assert header.split()[-2:] == ["APP", "LABELS"]
    assert first.split()[-2:] == ["web", "app=web"]


def test_small_pages_show_everything(cli: Cli) -> None:
    for number in range(7):
        cli.make(config_map(f"c{number}"))
    shown = cli.done("get", "cm", "--chunk-size=3")
    assert [line.split()[0] for line in shown.splitlines()] == ["NAME", *(f"c{n}" for n in range(7))]


def test_what_a_file_names(cli: Cli) -> None:
    cli.make(config_map("a"))
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    assert cli.done("get", "-f", "-", "-o", "name", given=manifest) == "configmap/a\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pods", "a", "-l", "x=y"], "name may not be given together with a selector"),
        (["pods", "a", "-A"], "cannot be named across all namespaces"),
        (["po,svc", "-w"], "can be watched at a time"),
        (["pods", "-o", "tabel"], "choose one of wide, yaml"),
        (["pods", "-o", "go-template={{.x}}"], "Go's templates are not supported"),
        (["pods", "-o", "custom-columns=NAME"], "a column is HEADER:PATH"),
        ([], "say which kind of object"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: list[str], said: str) -> None:
    outcome = cli("get", *arguments)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_mistyped_kind_is_answered_with_the_nearest(cli: Cli) -> None:
    outcome = cli("get", "deplyments")
    assert outcome.code == 1
    assert 'did you mean "deployments"?' in outcome.err

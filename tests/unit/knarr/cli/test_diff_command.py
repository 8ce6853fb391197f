"""knarr diff, run against a server."""

from knarr.cli.decisions.differing import Pair, unified
from tests.support.cli import Cli

CONFIG_MAP = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {app: web}}\ndata: {key: '1', other: '2'}\n"
)
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {same: x, key: one}\n"


def test_nothing_would_change(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=CONFIG_MAP)
    outcome = cli("diff", "-f", "-", given=CONFIG_MAP)
    assert (outcome.code, outcome.out) == (0, "")


def test_a_change(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=CONFIG_MAP)
    outcome = cli("diff", "-f", "-", given=CONFIG_MAP.replace("'1'", "'3'"))
    assert outcome.code == 1
    name = f"{cli.namespace}/configmap/a"
    lines = outcome.out.splitlines()
    assert lines[:2] == [f"--- live/{name}", f"+++ applied/{name}"]
    assert [line for line in lines[2:] if line.startswith(("+", "-"))] == ['-  key: "1"', '+  key: "3"']


def test_an_object_that_would_be_made(cli: Cli) -> None:
    outcome = cli("diff", "-f", "-", given=CONFIG_MAP)
    assert outcome.code == 1
    assert outcome.out.splitlines()[0] == "--- /dev/null"
    assert all(line.startswith(("+", "-", "@")) for line in outcome.out.splitlines())
    assert "uid" not in outcome.out


def test_values_of_secrets_are_not_shown(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=SECRET)
    outcome = cli("diff", "-f", "-", given=SECRET.replace("one", "two"))
    assert outcome.code == 1
    assert "*** (before)" in outcome.out
    assert "*** (after)" in outcome.out
    assert all(value not in outcome.out for value in ("b25l", "dHdv", "eA==", "one", "two"))


def test_what_prune_would_delete(cli: Cli) -> None:
    cli.done("apply", "-f", "-", given=CONFIG_MAP)
    other = CONFIG_MAP.replace("name: a", "name: b")
    outcome = cli("diff", "-f", "-", "--prune", "-l", "app=web", given=other)
    assert outcome.code == 1
    assert "+++ /dev/null" in outcome.out.splitlines()
    assert f"--- live/{cli.namespace}/configmap/a" in outcome.out.splitlines()


def test_what_cannot_be_told_ends_with_more_than_one(cli: Cli) -> None:
    cli.done("apply", "-f", "-", "--field-manager=other", given=CONFIG_MAP)
    changed = CONFIG_MAP.replace("'1'", "'3'")
    outcome = cli("diff", "-f", "-", given=changed)
    assert outcome.code == 2
    assert '.data.key is owned by "other"' in outcome.err
    assert cli("diff", "-f", "-", "--force-conflicts", given=changed).code == 1
    assert cli("diff", "-f", "-", given="kind: Nothing\n").code == 2


def test_no_difference_has_no_lines() -> None:
    value = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}}
    newer = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "2"}}
    assert unified(Pair("configmap/a", "", value, newer)) == []

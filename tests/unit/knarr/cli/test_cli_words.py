"""Names, durations, ages and layouts as people give and read them."""

import click
import pytest

from knarr.ages import age, age_since, ages_in
from knarr.api.kinds import DEPLOYMENT, NODE, POD
from knarr.cli.config import Config, Context, choose
from knarr.cli.failure import Failure
from knarr.cli.local.cluster import Layout, planned
from knarr.cli.options import DURATION
from knarr.cli.resources import Target, find_kind, parse, parse_one


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (660, "11m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (90_000, "25h"),
        (180_000, "2d2h"),
        (864_000, "10d"),
        (63_072_000, "2y"),
        (-60, "<invalid>"),
    ],
)
def test_ages_as_kubectl_prints_them(seconds: float, expected: str) -> None:
    assert age(seconds) == expected


def test_age_since() -> None:
    assert age_since("1970-01-01T00:00:00Z", 30) == "30s"
    assert age_since("", 30) == "<unknown>"


def test_ages_within_a_text() -> None:
    assert ages_in("3 (1970-01-01T00:00:00Z ago)", 300) == "3 (5m ago)"
    assert ages_in("", 300) == ""
    assert ages_in("<none>", 300) == "<none>"


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("1m30s", 90), ("2h", 7200), ("250ms", 0.25), ("0", 0)]
)
def test_durations(text: str, expected: float) -> None:
    assert DURATION.convert(text, None, None) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["soon", "5x", "1m 30s", "s"])
def test_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no duration"):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pods"], [Target(POD)]),
        (["po", "web"], [Target(POD, "web")]),
        (["deploy/web", "no/alpha"], [Target(DEPLOYMENT, "web"), Target(NODE, "alpha")]),
        (["po,no"], [Target(POD), Target(NODE)]),
        (["Deployment", "a", "b"], [Target(DEPLOYMENT, "a"), Target(DEPLOYMENT, "b")]),
        (["deployments.apps", "a"], [Target(DEPLOYMENT, "a")]),
    ],
)
def test_targets(arguments: list[str], expected: list[Target]) -> None:
    assert parse(arguments) == expected


@pytest.mark.parametrize("arguments", [[], ["pod/a", "b"], ["pod/"], ["/a"], ["a/b/c"]])
def test_no_targets(arguments: list[str]) -> None:
    with pytest.raises(Failure):
        parse(arguments)


def test_the_nearest_kind_is_suggested() -> None:
    with pytest.raises(Failure, match='did you mean "deployments"'):
        find_kind("deplyments")


def test_one_object_is_one_object() -> None:
    assert str(parse_one(["deployment", "web"])) == "deployment.apps/web"
    with pytest.raises(Failure, match="name one object"):
        parse_one(["pods"])


def test_up_keeps_what_is_there_and_adds_what_is_asked_for() -> None:
    fresh = planned(None, 3, None)
    assert fresh.nodes == ("node-1", "node-2", "node-3")
    assert planned(fresh, None, None) == fresh
    assert planned(fresh, 4, None).nodes == (*fresh.nodes, "node-4")
    assert len(planned(None, None, None).nodes) == 2
    assert planned(Layout(1, "docker", ("node-2",)), 2, None).nodes == ("node-2", "node-1")


def test_contexts() -> None:
    config = Config().with_context("a", Context(("1.2.3.4:1",))).with_context("b", Context(("5.6.7.8:1",)))
    assert choose(config, None, None).servers == ("5.6.7.8:1",)
    assert choose(config, "a", None).servers == ("1.2.3.4:1",)
    assert choose(config, "a", "x:1, y:2").servers == ("x:1", "y:2")
    assert config.without_context("b").current == "a"
    with pytest.raises(Failure, match='no context "c"; known: a, b'):
        choose(config, "c", None)
    with pytest.raises(Failure, match="no cluster is configured"):
        choose(Config(), None, None)

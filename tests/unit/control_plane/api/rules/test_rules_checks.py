"""Checkers of single values: what each refuses, and with which words."""

from typing import Any

import pytest

from control_plane.api.rules import causes as say
from control_plane.api.rules import checks
from control_plane.api.rules.cron import schedule_error
from control_plane.api.rules.engine import Causes, Checker
from control_plane.api.rules.images import pull_policy
from control_plane.api.rules.resources import check_container_resource_name
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta


def found(checker: Checker, value: Any) -> list[str]:
    causes: Causes = []
    checker.check(value, "x", causes)
    return [cause.message for cause in causes]


@pytest.mark.parametrize(
    ("checker", "good"),
    [
        (checks.DNS_LABEL, "a-1"),
        (checks.DNS_1035_LABEL, "a-1"),
        (checks.DNS_SUBDOMAIN, "a.b-c"),
        (checks.QUALIFIED_NAME, "ex.com/A_b"),
        (checks.LABEL_VALUE, ""),
        (checks.CONFIG_KEY, ".dockercfg"),
        (checks.ENV_NAME, "1A b-c"),
        (checks.HEADER_NAME, "X-A"),
        (checks.PORT_NAME, "http-1"),
        (checks.IP, "::1"),
        (checks.IP, "10.0.0.1"),
        (checks.CIDR, "10.0.0.1/8"),
        (checks.SEGMENT, "a:b"),
        (checks.PORT, 65535),
        (checks.FILE_MODE, 0o777),
        (checks.DESCENDING, "a/..b"),
        (checks.PORT_OR_NAME, meta.IntOrString(type=1, strVal="web")),
        (checks.COUNT_OR_PERCENT, meta.IntOrString(type=1, strVal="300%")),
    ],
)
def test_good_values_pass(checker: Checker, good: Any) -> None:
    assert found(checker, good) == []


@pytest.mark.parametrize(
    ("checker", "bad", "why"),
    [
        (checks.DNS_LABEL, "a.b", "a lowercase RFC 1123 label must consist of"),
        (checks.DNS_1035_LABEL, "1a", "a DNS-1035 label must consist of"),
        (checks.QUALIFIED_NAME, "/a", "prefix part must be non-empty"),
        (checks.CONFIG_KEY, "..", "must not be '..'"),
        (checks.CONFIG_KEY, "..a", "must not start with '..'"),
        (checks.ENV_NAME, "a=b", "must consist only of printable ASCII characters"),
        (checks.PORT_NAME, "a--b", "must not contain consecutive hyphens"),
        (checks.PORT_NAME, "80", "must contain at least one letter"),
        (checks.IP, "1.1.1", "must be a valid IP address"),
        (checks.IP, "fe80::1%eth0", "must be a valid IP address"),
        (checks.CIDR, "10.0.0.1", "must be a valid CIDR value"),
        (checks.SEGMENT, "a/b", "may not contain '/'"),
        (checks.PORT, 0, "must be between 1 and 65535, inclusive"),
        (checks.NON_NEGATIVE, -1, "must be greater than or equal to 0"),
        (checks.FILE_MODE, 600, "must be a number between 0 and 0777 (octal), both inclusive"),
        (checks.DESCENDING, "/a", "must be a relative path"),
        (checks.NO_BACKSTEPS, "/a/../b", "must not contain '..'"),
        (checks.PORT_OR_NAME, meta.IntOrString(intVal=0), "must be between 1 and 65535, inclusive"),
        (checks.COUNT_OR_PERCENT, meta.IntOrString(type=1, strVal="5 %"), "a valid percent string must be"),
        (checks.COUNT_OR_PERCENT, meta.IntOrString(type=7), "must be an integer or percentage"),
        (
            checks.NOT_OVER_100_PERCENT,
            meta.IntOrString(type=1, strVal="101%"),
            "must not be greater than 100%",
        ),
    ],
)
def test_bad_values_are_refused_in_kubernetes_words(checker: Checker, bad: Any, why: str) -> None:
    messages = found(checker, bad)
    assert any(why in message for message in messages), messages
    assert all(message.startswith("Invalid value: ") for message in messages)


def test_an_unsupported_value_names_the_supported_ones() -> None:
    assert found(checks.one_of("Always", "Never"), "always") == [
        'Unsupported value: "always": supported values: "Always", "Never"'
    ]


def test_a_stated_value_may_not_be_empty() -> None:
    assert found(checks.stated("A"), "") == ["Required value"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        ('a"b', '"a\\"b"'),
        (meta.IntOrString(type=1, strVal="5%"), '"5%"'),
        (meta.Quantity(string="1Gi"), '"1Gi"'),
        (meta.Time(seconds=0), "1970-01-01T00:00:00Z"),
        (core.Toleration(key="a", operator="Exists"), '{"key":"a","operator":"Exists"}'),
        (["a"], '["a"]'),
    ],
)
def test_values_are_shown_as_json(value: Any, shown: str) -> None:
    assert say.invalid("x", value, "no").message == f"Invalid value: {shown}: no"


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("localhost:5000/a/b", "Always"),
        ("localhost:5000/a/b:1", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "a" * 64, "Always"),
        ("Not An Image", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/5 0-6/2 1,15 jan-MAR sun", "@daily", "@every 1h30m", "0 0 ? * 6", "TZ=UTC 0 0 * * *"],
)
def test_good_schedules(schedule: str) -> None:
    assert schedule_error(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("a * * * *", "failed to parse int from a: a"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("@bogus", "unrecognized descriptor: @bogus"),
    ],
)
def test_bad_schedules(schedule: str, why: str) -> None:
    assert schedule_error(schedule) == why


@pytest.mark.parametrize("name", ["cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "ex.com/gpu"])
def test_containers_may_ask_for(name: str) -> None:
    causes: Causes = []
    check_container_resource_name(name, "x", causes)
    assert causes == []


@pytest.mark.parametrize("name", ["gpu", "storage", "pods", "a b", "requests.ex.com/gpu"])
def test_containers_may_not_ask_for(name: str) -> None:
    causes: Causes = []
    check_container_resource_name(name, "x", causes)
    assert {cause.reason for cause in causes} == {say.INVALID}

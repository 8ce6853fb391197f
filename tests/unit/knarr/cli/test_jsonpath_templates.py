"""kubectl's JSONPath templates, with the examples of its documentation."""

import pytest

from knarr.cli.jsonpath import JsonPathError, render

# Of kubernetes.io/docs/reference/kubectl/jsonpath, shortened.
LIST = {
    "kind": "List",
    "items": [
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
            "status": {
                "capacity": {"cpu": "4"},
                "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}],
            },
        },
        {
            "kind": "None",
            "metadata": {"name": "127.0.0.2"},
            "status": {
                "capacity": {"cpu": "8"},
                "addresses": [
                    {"type": "LegacyHostIP", "address": "127.0.0.2"},
                    {"type": "another", "address": "127.0.0.3"},
                ],
            },
        },
    ],
    "users": [
        {"name": "myself", "user": {}},
        {"name": "e2e", "user": {"username": "admin", "password": "secret"}},
    ],
    "count": 3,
    "ready": True,
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("kind is {.kind}", "kind is List"),
        ("{.kind}", "List"),
        ("{['kind']}", "List"),
        (".kind", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.users[-1].name}", "e2e"),
        ("{.users[0:1].name}", "myself"),
        ("{.items[*]['metadata.name', 'kind']}", "None None"),
        ('{.users[?(@.name=="e2e")].user.password}', "secret"),
        ('{.items[0].status.addresses[?(@.type!="another")].address}', "127.0.0.1"),
        (
            "{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}",
            "[127.0.0.1, 4] [127.0.0.2, 8] ",
        ),
        ('{range .items[*]}{.metadata.name}{"\\t"}{end}', "127.0.0.1\t127.0.0.2\t"),
        ("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1"),
        ("{range .nothing[*]}{.name}{end}-", "-"),
        ("{.count} {.ready} {.missing}", "3 true "),
        ("{.items[1].status.capacity}", '{"cpu":"8"}'),
        (
            "{range .items[*]}{range .status.addresses[*]}{.address} {end}| {end}",
            "127.0.0.1 | 127.0.0.2 127.0.0.3 | ",
        ),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert render(template, LIST) == expected


@pytest.mark.parametrize(
    "template", ["{.kind", "{end}", "{range .items[*]}", "{.items[?(@.a==)]}", "{.a[!]}"]
)
def test_what_cannot_be_read_is_refused(template: str) -> None:
    with pytest.raises(JsonPathError):
        render(template, LIST)

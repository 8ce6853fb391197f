"""Files of manifests: documents, lists, places, and everything that must be refused."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api import codec, manifest
from knarr.api.errors import DecodeError, ManifestError
from knarr.api.manifest import read_bytes, read_text
from knarr.api.yaml_text import to_yaml
from knarr.api.yaml_values import MAX_DOCUMENT_CHARS, read_documents

GUESTBOOK = Path(__file__).parents[3] / "data" / "guestbook"


def values(text: str) -> list[Any]:
    return [document.value for document in read_documents(text, "f")]


def test_every_document_of_the_guestbook_parses() -> None:
    documents = [
        document for path in sorted(GUESTBOOK.glob("*.yaml")) for document in manifest.read_file(path)
    ]
    named = [(doc.value["kind"], doc.decode().strict(), doc.line) for doc in documents]
    assert [(kind, message.metadata.name, line) for kind, message, line in named] == [  # type: ignore[attr-defined]
        ("Service", "frontend", 5),
        ("Deployment", "frontend", 19),
        ("Deployment", "redis-follower", 2),
        ("Service", "redis-follower", 28),
        ("Deployment", "redis-leader", 2),
        ("Service", "redis-leader", 34),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("0b101", 5),
        ("-0b11", -3),
        ("+5", 5),
        ("1_000", 1000),
        ("08", 8),
        ("0", 0),
        ("1.0", 1),
        ("1e3", 1000),
        (".5", 0.5),
        ("1.", 1),
        ("18446744073709551615", 2**64 - 1),
        ("1e400", "1e400"),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
        ("yes", True),
        ("y", True),
        ("On", True),
        ("NO", False),
        ("off", False),
        ("n", False),
        ("yEs", "yEs"),
        ("~", None),
        ("", None),
        ("null", None),
        ('"yes"', "yes"),
        ("'0644'", "0644"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
        ("!!float 5", 5),
        ("!!binary aGk=", "hi"),
        ("! 5", "5"),
        ("-", [None]),
        ("1.2.3", "1.2.3"),
        ("<", "<"),
        ("_1", "_1"),
        (".", "."),
    ],
)
def test_scalars_are_read_as_kubectl_reads_them(text: str, value: Any) -> None:
    (found,) = values(f"a: {text}" if text != "-" else "a:\n-")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_become_text() -> None:
    assert values("{1: a, yes: b, 1.5: c, 0x10: d}") == [{"1": "a", "true": "b", "1.5": "c", "16": "d"}]


def test_anchors_and_merge_keys() -> None:
    text = "a: &a {x: 1, l: [1]}\nb: *a\nc: {<<: *a, x: 2}\nd: {l: 3, <<: [{l: 4, z: 5}, {z: 6}]}\n"
    (found,) = values(text)
    assert found == {
        "a": {"x": 1, "l": [1]},
        "b": {"x": 1, "l": [1]},
        "c": {"x": 2, "l": [1]},
        "d": {"l": 3, "z": 5},
    }
    assert found["a"]["l"] is not found["b"]["l"]


NINE_TIMES = "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 12))
LAUGHS = f"a0: &a0 [x, x]\n{NINE_TIMES}"


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        pytest.param("a: 1\nb: 2\na: 3", "f:3:1", 'the key "a" stands on line 1', id="duplicate"),
        pytest.param("{1: a, '1': b}", "f:1:8", 'the key "1" stands', id="duplicate after conversion"),
        pytest.param(LAUGHS, "f:6:", "aliases repeat more than", id="billion laughs"),
        pytest.param("a: &a [*a]", "f:1:8", "inside its own anchor", id="recursive"),
        pytest.param("a: *b", "f:1:4", "has no anchor", id="no anchor"),
        pytest.param("[" * 101 + "]" * 101, "f:1:101", "nested deeper", id="deep"),
        pytest.param("a: " + "x" * (MAX_DOCUMENT_CHARS + 1), "f:1:", "longer than 3 MiB", id="large"),
        pytest.param("a: [1, 2", "f:", "not YAML", id="unclosed"),
        pytest.param("a: b: c", "f:1:5", "not YAML", id="two values"),
        pytest.param("a: \x01", "f:1:4", "not YAML", id="control character"),
        pytest.param("a: .inf", "f:1:4", "no meaning in JSON", id="infinity"),
        pytest.param("a: !foo b", "f:1:4", "the tag !foo", id="tag"),
        pytest.param("a: !!int x", "f:1:4", "is no int", id="tagged otherwise"),
        pytest.param("a: !!binary /", "f:1:4", "not base64", id="binary"),
        pytest.param("a: !!set {x}", "f:1:4", "the tag", id="set"),
        pytest.param("? [a]\n: b", "f:1:3", "a key must be text", id="list key"),
        pytest.param("<<: 5", "f:1:5", "<< takes", id="merge of a number"),
        pytest.param("- a", "f:1:1", "expected an object", id="list document"),
        pytest.param("a: 1\n---\nhello", "f:3:1", "expected an object", id="text document"),
        pytest.param("kind: List\nitems: [{}, 5]", "f:2:13", "expected an object", id="list of numbers"),
        pytest.param('{"a": 1, "a": 2}', "f:1:10", "stands on line 1", id="duplicate in JSON"),
    ],
)
def test_unreadable_text_is_refused_with_its_place(text: str, place: str, reason: str) -> None:
    with pytest.raises(ManifestError) as raised:
        read_text(text, "f")
    assert str(raised.value).startswith(place)
    assert reason in raised.value.reason


def test_bytes_must_be_utf8_and_may_start_with_a_mark() -> None:
    assert read_bytes(b"\xef\xbb\xbfkind: A", "f")[0].value == {"kind": "A"}
    with pytest.raises(ManifestError, match="f:2:2: not UTF-8"):
        read_bytes(b"a: 1\nb\xff: 2", "f")


def test_json_that_is_no_yaml_is_read_as_json() -> None:
    text = '{"kind": "A", "s": "\\ud83d\\ude00", "' + "k" * 2000 + '": 1}'
    (document,) = read_text(text)
    assert document.value["s"] == "\N{GRINNING FACE}"
    assert document.position("s") == (1, 1)


def test_empty_documents_are_left_out_and_lists_are_opened() -> None:
    text = """
---
# nothing
---
kind: PodList
apiVersion: v1
items:
- metadata: {name: a}
- {kind: List, items: [{kind: B}]}
---
kind: NoList
"""
    documents = read_text(text)
    assert [document.value for document in documents] == [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},
        {"kind": "B"},
        {"kind": "NoList"},
    ]
    assert [document.line for document in documents] == [8, 9, 11]
    assert documents[0].position("metadata.name") == (8, 20)


def test_lists_in_lists_end() -> None:
    text = "{kind: List, items: [" * 7 + "]}" * 7
    with pytest.raises(ManifestError, match="too many lists"):
        read_text(text)


def test_problems_are_placed_and_name_what_was_written() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  labels: {<<: {on-call: yes}, "a.b/c": 1}
data:
  mode: 0644
dota: {}
"""
    (document,) = read_text(text, "cm.yaml")
    with pytest.raises(DecodeError) as raised:
        document.decode()
    assert [document.describe(problem) for problem in raised.value.problems] == [
        'cm.yaml:5:41: metadata.labels[a.b/c]: expected a string, got the number 1; put it in quotes: "1"',
        "cm.yaml:5:26: metadata.labels[on-call]: expected a string, got the boolean true; "
        'put it in quotes: "yes"',
        'cm.yaml:7:9: data[mode]: expected a string, got the number 420; put it in quotes: "0644"',
        "cm.yaml:8:7: dota: unknown field; did you mean data?",
    ]


def test_a_problem_of_something_missing_is_placed_around_it() -> None:
    (document,) = read_text("a: 1\nspec:\n  replicas: 1\n")
    assert document.position("spec.selector.matchLabels[x]") == (3, 3)
    assert document.position("") == (1, 1)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        documents = read_text(text)
    except ManifestError:
        return
    for document in documents:
        with pytest.raises(DecodeError) as raised:
            document.decode().strict()
        for problem in raised.value.problems:
            assert document.describe(problem)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ManifestError):
        read_bytes(data, "f")


@given(st.text(alphabet="{}[]:,-&*<>!|?'\"a1 \n#%@`~", max_size=60))
def test_yaml_like_text_is_read_or_refused(text: str) -> None:
    try:
        documents = read_text(text)
    except ManifestError:
        return
    assert all(isinstance(document.value, dict) and document.position("a[0]") for document in documents)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(manifest.MAX_FILE_BYTES + 1)
    with pytest.raises(ManifestError, match="larger than 64 MiB"):
        manifest.read_file(path)


def test_unknown_kinds_have_a_suggestion() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"apiVersion": "apps/v1", "kind": "Deploymnt"}, "did you mean Deployment?"),
        ({"apiVersion": "v1", "kind": "Deployment"}, "write apps/v1"),
        ({"kind": "Pod"}, "apiVersion: is missing"),
        ({"apiVersion": 1, "kind": None}, "expected a string, got 1"),
    ]
    for value, message in cases:
        with pytest.raises(DecodeError) as raised:
            codec.object_from_dict(value)
        assert message in str(raised.value)


@given(st.text(max_size=12) | st.text(alphabet=" \n\tyno0x1.-:#'\"|>&*!%@,[]{}e", max_size=8))
def test_written_text_is_read_as_it_was(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    value = {"a": text, "b": [text], "c": {text: 1}}
    assert values(to_yaml(value)) == [value]


def test_lines_are_written_as_lines() -> None:
    assert to_yaml({"b": "x\ny\n", "a": ["yes", 1]}) == 'b: |\n  x\n  y\na:\n- "yes"\n- 1\n'

"""The tables of what becomes of people's manifests tell the truth about each document."""

from pathlib import Path

import pytest

from tests.real_yaml.__main__ import outcomes
from tests.real_yaml.outcomes import ACCEPTED, OTHER, REFUSED, WARNED, Manifest, Told, files, read
from tests.real_yaml.tables import folder_of, shape, tables

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: other}\n"
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\nrules: []\n"
TEXTS = {
    "good/a.yaml": CONFIG_MAP,
    "good/role.yml": ROLE,
    "good/two.yaml": f"{CONFIG_MAP}---\n{CONFIG_MAP}immutable: 3\n",
    "bad/kind.yaml": "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g}\n",
    "bad/template.yaml": "metadata: {name: {{ .Values.name }}}\n",
    "bad/broken.yaml": "a: [1,\nb: 2\n",
    "bad/compose.yaml": "services: {web: {image: nginx}}\n",
    "bad/notes.txt": "no manifest",
}


@pytest.fixture
def manifests(tmp_path: Path) -> list[Manifest]:
    for name, text in TEXTS.items():
        file = tmp_path / "collection" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return [read(tmp_path, path) for path in files(tmp_path / "collection")]


async def found(manifests: list[Manifest]) -> dict[str, list[Told]]:
    told: dict[str, list[Told]] = {}
    for each in await outcomes([manifests]):
        told.setdefault(each.file.name, []).append(each)
    return told


async def test_each_document_is_told_apart(manifests: list[Manifest]) -> None:
    told = await found(manifests)
    outcome = {name: [each.outcome for each in of] for name, of in told.items()}
    assert outcome == {
        "a.yaml": [ACCEPTED],
        "role.yml": [WARNED],
        "two.yaml": [ACCEPTED, REFUSED],
        "kind.yaml": [REFUSED],
        "template.yaml": [REFUSED],
        "broken.yaml": [REFUSED],
        "compose.yaml": [OTHER],
    }


async def test_reasons_say_what_is_wrong(manifests: list[Manifest]) -> None:
    told = await found(manifests)
    assert told["two.yaml"][1].texts[0].startswith("immutable: expected a boolean")
    assert 'kind: "Gadget" in "example.com/v1" is no kind' in told["kind.yaml"][0].texts[0]
    assert told["template.yaml"][0].texts[0].startswith("a template, not yet filled in")
    assert told["broken.yaml"][0].texts[0].startswith("line 3: not YAML")


async def test_tables_add_up(manifests: list[Manifest]) -> None:
    lines = list(tables(await outcomes([manifests])))
    assert "| collection/bad | 4 | 4 | 0 | 0 | 3 | 1 |" in lines
    assert "| collection/good | 3 | 4 | 2 | 1 | 1 | 0 |" in lines
    assert "| **all** | 7 | 8 | 2 | 1 | 4 | 1 |" in lines


def test_equal_reasons_have_one_shape() -> None:
    assert shape("spec.containers[3].x: is ignored") == shape("spec.containers[10].x: is ignored")
    assert folder_of(Told(Path("c/d/e/f.yaml"), "", ACCEPTED)) == "c/d"
    assert folder_of(Told(Path("c/f.yaml"), "", ACCEPTED)) == "c"

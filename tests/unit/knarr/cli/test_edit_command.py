"""knarr edit, run against a server, with editors that are shell scripts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from knarr.api.kinds import CONFIG_MAP as CONFIG_MAP_KIND
from knarr.api.kinds import POD as POD_KIND
from knarr.cli.choosing import Found
from knarr.cli.commands.edit import Session
from knarr.cli.decisions.editing import Unusable, body, buffer, merge_patch, parsed
from knarr.cli.invocation import Invocation
from knarr.cli.resources import Target
from knarr.cli.writing import Writing
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cli import Cli, Outcome

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: old, other: x}\n"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
"""


class Editor:
    """Programs that stand for a person: one is run at each opening, the last one again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seen = folder / "seen"

    def __call__(self, cli: Cli, *scripts: str, object: str = "cm/a") -> Outcome:
        for number, script in enumerate(scripts, 1):
            (self._folder / f"step{number}").write_text(script)
        program = self._folder / "editor"
        program.write_text(f"""#!/bin/bash
cd {self._folder}
count=$(( $(cat count 2>/dev/null || echo 0) + 1 )); echo $count > count
cp "$1" seen$count
[ $count -gt {len(scripts)} ] && exit 0
file="$1"; . ./step$count
""")
        program.chmod(0o755)
        return cli("edit", object, env={"KNARR_EDITOR": str(program), "TMPDIR": str(self._folder)})

    def saw(self, number: int) -> str:
        """What it was given at one of its openings."""
        return (self._folder / f"seen{number}").read_text()


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path)


def test_what_is_saved_is_written(cli: Cli, editor: Editor) -> None:
    cli.make(CONFIG_MAP)
    outcome = editor(cli, 'sed -i -e "s/key: old/key: new/" -e "/other:/d" "$file"')
    assert (outcome.code, outcome.out, outcome.err) == (0, "configmap/a edited\n", "")
    assert dict(cli.get(core.ConfigMap, "a").data) == {"key": "new"}
    assert "managedFields" not in editor.saw(1)


def test_without_a_change_nothing_is_done(cli: Cli, editor: Editor) -> None:
    cli.make(CONFIG_MAP)
    assert editor(cli, ":").err == "Edit cancelled, no changes made.\n"


def test_with_nothing_left_nothing_is_done(cli: Cli, editor: Editor) -> None:
    cli.make(CONFIG_MAP)
    assert editor(cli, ': > "$file"').err == "Edit cancelled, no changes made.\n"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("s/key: old/key: [/", "edited:"),
        ("s/  name: a/  name: b/", "name and namespace cannot be changed"),
        ("s/key: old/key: 1/", "expected a string"),
        ("s/^data:/dat:/", "unknown field"),
    ],
)
def test_what_is_refused_comes_back_with_the_reason(
    cli: Cli, editor: Editor, spoil: str, reason: str
) -> None:
    cli.make(CONFIG_MAP)
    undo = 'sed -i -e "s/key: .*/key: new/" -e "s/  name: b/  name: a/" -e "s/^dat:/data:/" "$file"'
    outcome = editor(cli, f'sed -i "{spoil}" "$file"', undo)
    assert (outcome.code, outcome.out) == (0, "configmap/a edited\n")
    assert reason in editor.saw(2).partition("\napiVersion")[0]
    assert cli.get(core.ConfigMap, "a").data["key"] == "new"


def test_an_edit_that_is_given_up_is_kept(cli: Cli, editor: Editor, tmp_path: Path) -> None:
    cli.make(CONFIG_MAP)
    outcome = editor(cli, 'sed -i "s/key: old/key: 5/" "$file"')
    assert outcome.code == 1
    assert "the edit is kept in " in outcome.err
    kept = outcome.err.rstrip().rpartition(" ")[2]
    assert "key: 5" in Path(kept).read_text()
    Path(kept).unlink()


def test_the_change_of_somebody_else_is_not_overwritten(cli: Cli) -> None:
    cli.make(CONFIG_MAP)
    target = Target(CONFIG_MAP_KIND, "a")
    found = Found(cli.namespace, target, cli.get(core.ConfigMap, "a"))
    seen: list[str] = []

    def edit(text: str) -> str:
        seen.append(text)
        if len(seen) == 1:
            cli.done("patch", "cm", "a", "-p", "{data: {other: theirs}}")
            return text.replace("key: old", "key: mine")
        return text.replace("other: x", "other: theirs")

    Session(Invocation(server=cli.server.address), found, Writing("knarr-edit")).run(edit)
    assert "# +  other: theirs" in seen[1].splitlines()
    assert dict(cli.get(core.ConfigMap, "a").data) == {"key": "mine", "other": "theirs"}


def test_changes_of_others_that_do_not_matter_are_passed_over(cli: Cli) -> None:
    cli.make(POD)
    found = Found(cli.namespace, Target(POD_KIND, "web"), cli.get(core.Pod, "web"))
    pod = cli.get(core.Pod, "web")
    pod.status.message = "from its node"
    cli.set_status(pod)
    change = ("labels:\n    app: web", "labels:\n    app: web\n    tier: front")
    session = Session(Invocation(server=cli.server.address), found, Writing("knarr-edit"))
    session.run(lambda text: text.replace(*change))
    changed = cli.get(core.Pod, "web")
    assert (changed.metadata.labels["tier"], changed.status.message) == ("front", "from its node")


LEAVES = some.integers(0, 2) | some.lists(some.integers(0, 2), max_size=2)
INNER = some.dictionaries(some.sampled_from("ab"), LEAVES, max_size=2)
OBJECTS = some.dictionaries(some.sampled_from("abc"), LEAVES | INNER, max_size=3)


def patched(value: object, patch: object) -> object:
    """RFC 7386, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, item in patch.items():
        if item is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), item)
    return result


@given(OBJECTS, OBJECTS)
def test_the_patch_makes_the_new_of_the_old(old: dict[str, object], new: dict[str, object]) -> None:
    assert patched(old, merge_patch(old, new)) == new
    assert merge_patch(old, old) == {}


def test_the_text_comes_back_as_it_was() -> None:
    assert body(buffer("a: 1\n# own\n", "a note\nof two lines")) == "a: 1\n# own\n"


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 2\n", "kind: Other\nmetadata: {name: a}\n"])
def test_texts_that_are_no_version_of_the_object(text: str) -> None:
    with pytest.raises(Unusable):
        parsed(text, {"kind": "ConfigMap", "metadata": {"name": "a"}})

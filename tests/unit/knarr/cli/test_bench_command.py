"""knarr bench record against a server, and its replay."""

import json
from pathlib import Path

from click.testing import CliRunner

from control_plane.insight.replay.__main__ import main as replay
from knarr.recording.files import read_recording
from tests.support.cli import Cli

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: alpha}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: shop/web:2, env: [{name: PASSWORD, value: hunter2}]}]
"""


def test_record_and_replay(cli: Cli, tmp_path: Path) -> None:
    cli.make(NODE)
    cli.make(POD)
    for number, flags in enumerate(([], ["--anonymise"])):
        path = tmp_path / f"{number}.knarr.gz"
        told = cli.done("bench", "record", "-o", str(path), *flags)
        assert told.startswith(f"{path}: 1 node, 1 pod, ")
        recording = read_recording(path)
        assert recording.header.anonymised == bool(flags)
        assert "hunter2" not in str(recording.objects)
        assert ("alpha" in str(recording.objects)) is not bool(flags)
        done = CliRunner().invoke(replay, [str(path), "-o", "json"])
        assert done.exit_code == 0
        found = json.loads(done.output)
        assert (found["nodes"], found["waiting"]) == (1, 1)
        assert list(found["unschedulable"].values()) == ["0/1 nodes are available: 1 Too many pods."]


def test_replay_for_people(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "cluster.knarr.gz"
    cli.done("bench", "record", "-o", str(path))
    done = CliRunner().invoke(replay, [str(path), "--placements", "--all"])
    assert done.exit_code == 0
    assert "pods/s" in done.output


def test_a_place_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("bench", "record", "-o", str(tmp_path / "no" / "file"))
    assert (outcome.code, outcome.err) == (1, f"{tmp_path}/no/file: No such file or directory\n")


def test_what_cannot_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("nothing")
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == 1
    assert "not a recording" in done.output


def test_a_recording_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nope.knarr.gz"
    done = CliRunner().invoke(replay, [str(path)])
    assert (done.exit_code, done.output) == (1, f"{path}: No such file or directory\n")

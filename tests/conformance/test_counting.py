"""What counts as agreeing: equal answers, and differences that the recording itself covers."""

import json
from pathlib import Path

import pytest

from knarr.api.kinds import CONFIG_MAP, SERVICE
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.conformance import objects
from tests.conformance.cases import Case, Difference, Wanted, judged
from tests.conformance.report import score, write_json

CODE = Difference("code", "", 201, 422)
CAUSE = Difference("cause", "spec.x", None, "FieldValueInvalid")
COVERED = Wanted("newer servers do so", 'README: "…"', lambda case, difference: difference is CODE)
OURS = Wanted("we do so", "", lambda case, difference: difference is CAUSE)


def case(*differences: Difference, **aspects: bool) -> Case:
    return Case("r1", "create", {}, differences=list(differences), aspects=aspects)


@pytest.mark.parametrize(
    ("differences", "counts"),
    [
        ((), (1, 0, 0)),
        ((CODE,), (1, 1, 0)),
        ((CAUSE,), (0, 0, 1)),
        ((CODE, CAUSE), (0, 0, 1)),
        ((CODE, Difference("cause", "spec.y", None, "FieldValueInvalid")), (0, 0, 0)),
    ],
    ids=["equal", "covered", "on purpose", "both", "one that nobody wants"],
)
def test_counts(differences: tuple[Difference, ...], counts: tuple[int, int, int]) -> None:
    found = score("f", [case(*differences)], (COVERED, OURS))

    assert (found.agreeing, found.covered, found.deliberate) == counts
    assert bool(found.lines) == bool(differences)


def test_rows_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "build" / "conformance.json"
    write_json(path, [score("f", [case(chosen=True), case(CODE, chosen=False)], ())])

    (row,) = json.loads(path.read_text(encoding="utf-8"))
    assert row == {
        "file": "f",
        "agreeing": 1,
        "total": 2,
        "aspects": {"chosen": {"agreeing": 1, "total": 2}},
    }


async def test_what_cannot_be_played_differs() -> None:
    async def fails() -> list[Difference]:
        raise ValueError("no such thing")

    (found,) = (await judged(case(), fails())).differences
    assert (found.aspect, found.ours) == ("failure", "ValueError: no such thing")


def test_objects_are_compared_without_what_no_recording_has() -> None:
    ours = core.ConfigMap(data={"a": "1"})
    ours.metadata.name, ours.metadata.uid, ours.metadata.resourceVersion = "c", "u", "7"
    recorded = {"metadata": {"name": "c", "creationTimestamp": None}, "data": {"a": "2"}}

    (found,) = objects.compare(CONFIG_MAP, ours, recorded)
    assert found == Difference("object", "data.a", "1", "2")


def test_what_was_allotted_must_be_there_whatever_it_is() -> None:
    ours = core.Service()
    ours.metadata.name = "s"
    ours.spec.internalTrafficPolicy = "Cluster"  # newer than the recording
    recorded = {"metadata": {"name": "s"}, "spec": {"clusterIP": "<allocated>"}}

    assert [each.path for each in objects.compare(SERVICE, ours, recorded)] == ["spec/clusterIP"]
    ours.spec.clusterIP = "10.96.0.9"
    assert list(objects.compare(SERVICE, ours, recorded)) == []

"""Inputs that failed once, played again; and that each target runs, and that a failure is found and told."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import pytest

from knarr.errors import InternalError, Invalid
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.fuzz import corpus
from tests.fuzz.engine import Plan, fuzz
from tests.fuzz.mutation import wire
from tests.fuzz.mutation.sizes import expanded
from tests.fuzz.paths import untrue_path
from tests.fuzz.target import Try, Wrong, refusal
from tests.fuzz.targets.all import TARGETS
from tests.fuzz.trying import attempt

KEPT = [(name, file) for name in TARGETS for file in corpus.names(name)]
A_FEW = 40


@pytest.mark.parametrize(("name", "file"), KEPT, ids=[f"{name}-{file.name}" for name, file in KEPT])
async def test_what_failed_once_fails_no_more(name: str, file: Path) -> None:
    async with TARGETS[name]().opened() as run:
        done = await attempt(run, corpus.read(file))
    assert not done.failure


@pytest.mark.parametrize("name", TARGETS)
async def test_a_target_takes_its_seeds_and_what_is_made_of_them(name: str) -> None:
    target, rng = TARGETS[name](), Random(1)
    seeds = target.seeds()
    chosen = [seeds[index] for index in range(0, len(seeds), 1 + len(seeds) // A_FEW)]
    made = [target.mutated(rng.choice(seeds), rng.choice(seeds), rng) for _ in range(A_FEW)]
    async with target.opened() as run:
        for data in (*chosen, *made):
            assert not (await attempt(run, data)).failure


class Fragile:
    """Fails at an exclamation mark."""

    name = "fragile"

    def seeds(self) -> Sequence[bytes]:
        return [b"seed"]

    def mutated(self, data: bytes, other: bytes, rng: Random) -> bytes:
        return data + bytes([rng.randrange(32, 64)])

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Try]:
        async def run(data: bytes) -> str:
            if b"!" in data:
                raise KeyError("!")
            return str(len(data))

        yield run


def test_a_failure_is_told_once_with_seed_and_smallest_input(tmp_path: Path) -> None:
    said: list[str] = []
    report = fuzz(Fragile(), Plan(7, 500, None), said.append, tmp_path)
    assert [data for _, data, _ in report.failures.values()] == [b"!"]
    assert len(said) == 1
    assert "seed 7" in said[0]
    assert [corpus.read(file) for file in corpus.names("fragile", tmp_path)] == [b"!"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "spec.containers[0].ports[1].hostPort",
        "metadata.labels[a.b/c]",
        "spec.nodeSelector",
        "status.podIPs[0]",
    ],
)
def test_true_paths(path: str) -> None:
    assert untrue_path(core.Pod, path) is None


@pytest.mark.parametrize(
    "path", ["spec.contaners", "metadata[0]", "spec.containers.nme", "spec.volumes[0].projected.pth", "[a]"]
)
def test_untrue_paths(path: str) -> None:
    assert untrue_path(core.Pod, path) is not None


def test_a_path_may_name_what_only_the_document_has() -> None:
    assert untrue_path(core.Pod, "spec.a.b[0].c", {"spec": {"a.b": [{"c": None}]}}) is None


def test_errors_of_the_server_are_failures() -> None:
    assert refusal(Invalid("spec.x is wrong"), None).startswith("422 Invalid")
    with pytest.raises(Wrong, match="500"):
        refusal(InternalError("the server failed"), None)


def test_placeholders_are_written_out() -> None:
    assert expanded(b'{"a": "<<text 5>>", "b": "<<deep-list 3>>"}') == b'{"a": "xxxxx", "b": [[[]]]}'
    assert expanded(b'"<<objects 2>>"') == b"[{},{}]"
    assert expanded(b'"<<named 2>>"') == b'[{"name":"n0"},{"name":"n1"}]'
    assert expanded(b'"<<map 2>>"') == b'{"k0":"x","k1":"x"}'
    assert len(expanded(b'["<<text 10000000>>","<<text 10000000>>"]')) < 11_000_000


def test_wire_fields_are_taken_apart_and_put_together() -> None:
    pod = core.Pod()
    pod.metadata.name = "a"
    pod.spec.activeDeadlineSeconds = 300
    data = pod.SerializeToString()
    assert wire.joined(wire.split(data)) == data
    assert wire.split(b"\xff\xff") == []

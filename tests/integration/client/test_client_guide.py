"""The guide to the client library says what is so: its examples run, its table is the code's."""

import ast
import asyncio
import contextlib
import io
import re
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from knarr.client import Client
from knarr.client.contexts import Config, Context, save
from knarr.client.retries import as_markdown
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.served import ServedApi, served_api

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "client.md"
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code, what it is for besides the reader, and what it prints."""

    code: str
    purpose: str
    prints: str


BLOCK = re.compile(r"^```python ?(\w*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def examples() -> list[Example]:
    """All of the guide, in order."""
    return [Example(code, purpose, prints) for purpose, code, prints in BLOCK.findall(GUIDE.read_text())]


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    """A server that the config file names."""
    async with served_api() as served:
        path = tmp_path / "config.yaml"
        save(Config().with_context("local", Context((served.address,))), path)
        monkeypatch.setenv("KNARR_CONFIG", str(path))
        yield served


async def run(code: str, names: dict[str, Any]) -> str:
    """Run code that may await at its top level; what it prints."""
    compiled = compile(code, str(GUIDE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        made = eval(compiled, names)
        if isinstance(made, Coroutine):
            async with asyncio.timeout(DEADLINE_S):
                await made
    return printed.getvalue()


async def test_the_examples_do_what_the_guide_says(api: ServedApi) -> None:
    async with Client.connect([api.address]) as client:
        names: dict[str, Any] = {}
        for example in examples():
            if example.purpose:
                continue
            assert await run(example.code, names) == example.prints, example.code
            names["client"] = client  # the first example has closed its own


def says(count: int, found: core.ConfigMap | None) -> bool:
    return found is not None and found.data["count"] == str(count)


async def test_the_controller_of_the_guide(api: ServedApi) -> None:
    (example,) = [example for example in examples() if example.purpose == "controller"]
    assert len(example.code.splitlines()) < 40
    names: dict[str, Any] = {}
    await run(example.code, names)
    running = asyncio.create_task(names["main"](), name="the guide's controller")
    try:
        async with Client.connect([api.address]) as client, asyncio.timeout(DEADLINE_S):
            for count in range(3):
                await client.wait_for(core.ConfigMap, "default", "pods", partial(says, count))
                pod = core.Pod(metadata=meta.ObjectMeta(name=f"p{count}", namespace="default"))
                pod.spec.containers.add(name="c", image="i:1")
                await client.create(pod)
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert running.cancelled()


def test_the_retry_table_is_the_codes() -> None:
    assert as_markdown() in GUIDE.read_text()

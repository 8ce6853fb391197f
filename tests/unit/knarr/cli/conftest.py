"""One api server for all commands that are tested; each test has a namespace of its own."""

from collections.abc import Iterator

import pytest

from tests.support.cli import Cli, Server, api_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with api_server() as running:
        yield running


@pytest.fixture
def cli(server: Server, request: pytest.FixtureRequest) -> Cli:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    number = len(request.session.items) and request.session.items.index(request.node)
    return Cli(server, f"{name[:40].strip('-')}-{number}")
